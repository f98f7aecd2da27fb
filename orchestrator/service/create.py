"""From a request to a plan and a StudyCreated event: everything is checked here, before any work."""

from __future__ import annotations

import json
import secrets
import shlex
import sys
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from orchestrator.events import Plan, StudyCreated
from orchestrator.search import ALGORITHMS
from orchestrator.service.enqueue import enqueued_of
from orchestrator.service.finite import finite_notes
from orchestrator.service.given import Given, check_given, check_room, confirm_epochs, confirm_of
from orchestrator.service.home import check_name, generated_name
from orchestrator.service.layout import check_options, lay_out, plan_notes, repeated, schedule_for
from orchestrator.service.limits import limits_of
from orchestrator.service.machine import share
from orchestrator.service.views import StudyRequest
from orchestrator.service.warm_start import Earlier, States, earlier_of
from orchestrator.trial.protocol import Resources
from reid_core import api
from reid_core.api import Protocol
from reid_core.config import Value, Values, from_values, load_config, suggest
from reid_core.config.weights import starting_weights
from reid_core.errors import Finding, InvalidInput
from search_spaces.load import LoadedSpace, load_space
from search_spaces.model import Space
from search_spaces.rows import row_keys

__all__ = ["Draft", "command_of", "draft", "study_created"]

BACKENDS = ("inline", "ray")
VERSIONS = ("reid-tune", "torch", "numpy", "ray", "mlflow", "pydantic")


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked request: all that a study needs, before it exists."""

    request: StudyRequest
    space: Space
    base: Values
    plan: Plan
    algorithm: str
    schedule: str
    workers: int
    resources: Resources
    data: api.DataSummary
    given: Given
    notes: tuple[str, ...]


def draft(request: StudyRequest, states: States) -> Draft:
    """Check everything that can be checked without training. Raises InvalidInput with every finding, NotFound.

    `states` finds the studies of a warm start.
    """
    _check_words(request)
    built_in = not request.data and "DATASETS.ROOT" not in request.set
    loaded, notes = _load(request, built_in=built_in)
    space, base = loaded.space, _located(loaded.base)
    algorithm = request.algorithm or space.search.algorithm
    if algorithm not in ALGORITHMS:
        raise InvalidInput(
            Finding(
                "unknown-algorithm",
                f"{algorithm!r} is not an algorithm",
                file="--algorithm",
                key="algorithm",
                hint=suggest(algorithm, ALGORITHMS) or f"choose from {', '.join(sorted(ALGORITHMS))}",
            )
        )
    check_options(request, space, algorithm)
    check_given(request, space, algorithm)
    schedule = schedule_for(request, space, algorithm)
    space = repeated(space, request.seeds)
    workers, resources = share(space.resources, request.workers, request.backend)
    limits, limited = limits_of(request, space, resources.gpus)
    enqueued, left_out = enqueued_of(request, loaded, base)
    given = Given(limits=limits, enqueued=enqueued, confirm=confirm_of(request, space))
    kept_back = confirm_epochs(given.confirm, space.budget.max_epochs)
    plan = lay_out(request, space, base, algorithm, limits.epochs, kept_back)
    check_room(request, space, base, given.enqueued, plan.trials)
    summary = api.describe_data(from_values(base))
    request, earlier = _warm(request, states, space, base, plan, summary)
    given = replace(given, earlier=earlier.results)
    notes = (
        *notes,
        *plan_notes(request, algorithm, schedule, given, plan),
        *finite_notes(request, space, base, algorithm, plan),
        *limited,
        *left_out,
        *earlier.notes,
        *summary.warnings,
    )
    return Draft(request, space, base, plan, algorithm, schedule, workers, resources, summary, given, notes)


def _warm(
    request: StudyRequest, states: States, space: Space, base: Values, plan: Plan, data: api.DataSummary
) -> tuple[StudyRequest, Earlier]:
    """The earlier results, and the request with the studies' own names: `latest` will soon be another one."""
    if not request.warm_start:
        return request, Earlier()
    prints = (data.fingerprint, data.split_fingerprint)
    earlier = earlier_of(request.warm_start, states, space, base, plan, prints)
    return request.model_copy(update={"warm_start": earlier.studies}), earlier


def _check_words(request: StudyRequest) -> None:
    if request.backend not in BACKENDS:
        raise InvalidInput(
            Finding(
                "unknown-backend",
                f"{request.backend!r} is not a backend",
                file="--backend",
                key="backend",
                hint="use inline or ray",
            )
        )
    if request.name:
        check_name(request.name)
    if request.data and not Path(request.data).expanduser().is_dir():
        what = "is a file, not a folder" if Path(request.data).expanduser().is_file() else "does not exist"
        raise InvalidInput(
            Finding(
                "missing-folder",
                f"{request.data} {what}",
                file="--data",
                key="data",
                hint="name the folder that holds the images",
            )
        )


def _located(base: Values) -> Values:
    """`base` with the file of its weights made absolute: trials may run in another folder.

    ConfigError: the file is wanted but not named, or not there.
    """
    start = starting_weights(from_values(base))
    return base if start is None else {**base, start.key: str(start.path.resolve())}


def _load(request: StudyRequest, *, built_in: bool) -> tuple[LoadedSpace, tuple[str, ...]]:
    overrides: dict[str, Value] = dict(request.set)
    max_epochs = request.max_epochs
    notes: tuple[str, ...] = ()
    if request.data:
        overrides["DATASETS.ROOT"] = str(Path(request.data).expanduser().resolve())
    elif built_in:
        demo = _demo(request)
        if demo:
            own_epochs = int(str(demo.pop("SOLVER.MAX_EPOCH", 9)))
            max_epochs = max_epochs or own_epochs
            overrides = {**demo, **overrides}
            notes = ("no --data given: built-in synthetic data with the small model of the demo recipe",)
    loaded = load_space(request.space, overrides=overrides, max_epochs=max_epochs, min_epochs=request.min_epochs)
    return loaded, (*notes, *loaded.notes)


def _demo(request: StudyRequest) -> Values:
    """What the demo recipe changes, without what the space varies; nothing for a space that has its own data."""
    loaded = load_space(request.space)
    if loaded.space.recipe is None or loaded.base.get("DATASETS.ROOT") not in {"", "synthetic"}:
        return {}
    if loaded.space.recipe == "demo":
        return {}
    small, plain = load_config("demo").values, load_config("bnneck").values
    varied = {*loaded.space.parameters, *loaded.space.tied, *row_keys(loaded.space.rows)}
    schedule = {
        "SOLVER.STEPS",
        "SOLVER.DELAY_EPOCHS",
        "SOLVER.WARMUP_EPOCHS",
        "SOLVER.WARMUP_ITERS",
        "SOLVER.FREEZE_ITERS",
    }
    own = varied | schedule  # the space's own recipe is scaled to the length of the run
    return {key: value for key, value in small.items() if value != plain.get(key) and key not in own}


def study_created(made: Draft) -> StudyCreated:
    """The study's first event."""
    request = made.request
    return StudyCreated(
        study=secrets.token_hex(4),
        name=request.name or generated_name(made.space.name),
        space=made.space,
        base=made.base,
        plan=made.plan,
        seed=request.seed,
        algorithm=made.algorithm,
        schedule=made.schedule,
        backend=request.backend,
        workers=made.workers,
        cpus=made.resources.cpus,
        gpus=made.resources.gpus,
        ray_address=request.ray_address,
        data=made.data.sentence(request.protocol),
        data_fingerprint=made.data.fingerprint,
        split_fingerprint=made.data.split_fingerprint,
        protocol=request.protocol,
        versions={name: version(name) for name in VERSIONS} | {"python": sys.version.split()[0]},
        command=command_of(request),
        enqueued=made.given.enqueued,
        earlier=made.given.earlier,
        confirm=made.given.confirm,
        limits=made.given.limits,
    )


def command_of(request: StudyRequest) -> str:
    """The shell command equal to a request; options at their default are left out."""
    inline_text = "\n" in request.space
    words = ["reid-tune", "run", "--space", "space.yaml" if inline_text else request.space]
    for option, value, default in (
        ("--data", request.data, ""),
        ("--trials", request.trials, None),
        ("--max-epochs", request.max_epochs, None),
        ("--min-epochs", request.min_epochs, None),
        ("--algorithm", request.algorithm, None),
        ("--schedule", request.schedule, None),
        ("--workers", request.workers, None),
        ("--seed", request.seed, 0),
        ("--seeds", request.seeds, None),
        ("--epochs", request.epochs, None),
        ("--gpu-hours", request.gpu_hours, None),
        ("--wall-time", request.wall_time, ""),
        ("--target", request.target, ""),
        ("--confirm", request.confirm, None),
        ("--protocol", request.protocol, Protocol.VALIDATION),
        ("--name", request.name, ""),
        ("--backend", request.backend, "ray"),
        ("--ray-address", request.ray_address, ""),
    ):
        if value != default:
            words += [option, str(value)]
    for study in request.warm_start:
        words += ["--warm-start", study]
    if request.enqueue:
        words += ["--enqueue", json.dumps(list(request.enqueue))]
    for key, setting in request.set.items():
        words += ["--set", key, _word(setting)]
    return shlex.join(words)


def _word(value: Value) -> str:
    if isinstance(value, list):
        return "[" + ",".join(_word(one) for one in value) + "]"
    return str(value).lower() if isinstance(value, bool) else ("null" if value is None else str(value))
