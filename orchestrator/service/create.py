"""From a request to a plan and a StudyCreated event: everything is checked here, before any work."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from orchestrator.events import Plan, StudyCreated
from orchestrator.search import ALGORITHMS
from orchestrator.service.command import command_of
from orchestrator.service.confined import check_possible
from orchestrator.service.enqueue import enqueued_of
from orchestrator.service.finite import finite_notes
from orchestrator.service.given import Given, check_given, check_room, confirm_epochs, confirm_of
from orchestrator.service.home import Home, check_name, generated_name
from orchestrator.service.layout import check_options, lay_out, plan_notes, repeated, schedule_for
from orchestrator.service.limits import limits_of
from orchestrator.service.machine import share
from orchestrator.service.no_secrets import check_no_secrets
from orchestrator.service.packing import remembered, trials_together
from orchestrator.service.runtime_env import environment_of
from orchestrator.service.secrets import redacted
from orchestrator.service.taught import (
    CONFIGS,
    EMA,
    NOBODY_TEACHES,
    WEIGHTS,
    check_taught,
    copied,
    judged,
    learns_logits,
    moved,
    moved_values,
    named_teachers,
    places,
    wants_teacher,
    with_choice,
)
from orchestrator.service.teachers import Known, different, find_teachers
from orchestrator.service.vaults import with_vault
from orchestrator.service.views import StudyRequest
from orchestrator.service.warm_start import Earlier, States, earlier_of
from orchestrator.trial.protocol import Resources
from reid_core import api
from reid_core.config import Value, Values, from_values, load_config, suggest
from reid_core.config.weights import starting_weights
from reid_core.data import remote
from reid_core.errors import Finding, InvalidInput
from reid_core.tasks.cards import shipped_tasks
from search_spaces.load import LoadedSpace, load_space
from search_spaces.model import Space
from search_spaces.rows import row_keys

__all__ = ["Draft", "draft", "placed", "study_created"]

BACKENDS = ("inline", "processes", "ray")
_SQUARE = 48
"""Pixels of a side that cost about what the demo recipe's 64 x 32 do."""
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


def draft(request: StudyRequest, states: States, home: Home) -> Draft:
    """Check everything that can be checked without training. Raises InvalidInput with every finding, NotFound.

    `states` finds the studies of a warm start and those that teach, whose files lie in `home`.
    """
    check_no_secrets(request)
    check_possible(request)
    _check_words(request)
    request = with_vault(request)
    built_in = not request.data and "DATASETS.ROOT" not in request.set
    asked = different(find_teachers(request.teacher, states, home, request.protocol))
    request = request.model_copy(update={"teacher": tuple(one.teacher.source for one in asked)})
    loaded, notes = _load(request, asked, built_in=built_in)
    loaded = with_choice(loaded, asked)
    space, base = loaded.space, _located(loaded.base)
    check_taught(space, base)
    known = named_teachers(space, base, asked)
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
    workers, resources = share(
        space.resources, request.workers, request.backend, trials_together(base, remembered(home))
    )
    limits, limited = limits_of(request, space, resources.gpus)
    enqueued, left_out = enqueued_of(request, loaded, base)
    given = Given(limits=limits, enqueued=enqueued, confirm=confirm_of(request, space))
    kept_back = confirm_epochs(given.confirm, space.budget.max_epochs)
    plan = lay_out(request, space, base, algorithm, limits.epochs, kept_back)
    check_room(request, space, base, given.enqueued, plan.trials)
    summary = api.describe_data(from_values(base))
    request, earlier = _warm(request, states, space, base, plan, summary)
    teachers, untold = judged(known, base, summary, request.protocol, logits=learns_logits(space, base))
    given = replace(given, earlier=earlier.results, teachers=teachers)
    notes = (
        *notes,
        *plan_notes(request, algorithm, schedule, given, plan),
        *finite_notes(request, space, base, algorithm, plan),
        *limited,
        *left_out,
        *earlier.notes,
        *untold,
        *summary.warnings,
        *filter(None, [remote.copy_note(str(base.get("DATASETS.ROOT", "")))]),
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
                hint="use inline, processes or ray",
            )
        )
    environment_of(request.runtime_env)
    if request.name:
        check_name(request.name)
    if request.data and not remote.is_remote(request.data) and not Path(request.data).expanduser().is_dir():
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
    """`base` with the files of weights and teachers made absolute: trials may run in another folder.

    ConfigError: the file of weights is wanted but not named, or not there.
    """
    start = starting_weights(from_values(base))
    found: Values = {} if start is None else {start.key: str(start.path.resolve())}
    for key in (WEIGHTS, CONFIGS):
        value = base.get(key)
        found |= {key: [_absolute(path) for path in value]} if isinstance(value, list) and value else {}
    return {**base, **found}


def _absolute(path: object) -> str:
    """A path in full; nothing stays nothing: a teacher that carries its configuration names none."""
    return str(Path(str(path)).expanduser().resolve()) if path else ""


def _load(request: StudyRequest, asked: Sequence[Known], *, built_in: bool) -> tuple[LoadedSpace, tuple[str, ...]]:
    overrides: dict[str, Value] = dict(request.set)
    if asked:
        overrides[WEIGHTS] = [one.teacher.path for one in asked]
    max_epochs = request.max_epochs
    notes: tuple[str, ...] = ()
    if request.data:
        overrides["DATASETS.ROOT"] = remote.full_name(request.data)
    elif built_in:
        if not asked and wants_teacher(load_space(request.space)):
            overrides = {EMA: True, **overrides}
            notes = (NOBODY_TEACHES,)
        demo = _demo(request)
        if demo:
            own_epochs = int(str(demo.pop("SOLVER.MAX_EPOCH", 9)))
            max_epochs = max_epochs or own_epochs
            overrides = {**demo, **overrides}
            notes = ("no --data given: built-in synthetic data with the small model of the demo recipe", *notes)
    loaded = load_space(request.space, overrides=overrides, max_epochs=max_epochs, min_epochs=request.min_epochs)
    return loaded, (*notes, *loaded.notes)


def _demo(request: StudyRequest) -> Values:
    """What the demo recipe changes, without what the space varies; nothing for a space that has its own data.

    The recipe of a task from outside knows its own data and model.
    """
    loaded = load_space(request.space)
    if loaded.space.measures.task not in shipped_tasks():
        return {}
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
    changed = {key: value for key, value in small.items() if value != plain.get(key) and key not in own}
    sizes = [key for key in changed if key.startswith("INPUT.SIZE_") and _is_square(loaded.base[key])]
    return changed | {key: [_SQUARE, _SQUARE] for key in sizes}


def _is_square(size: object) -> bool:
    """Whether an image size of a recipe is as high as it is wide, as faces and objects are: people are not."""
    return isinstance(size, list) and size[0] == size[1]


def placed(made: Draft, to: Mapping[str, str]) -> Draft:
    """The draft of a study whose teachers' files lie where `to` says, by the path they have now."""
    enqueued = tuple(moved_values(values, to) for values in made.given.enqueued)
    given = replace(made.given, enqueued=enqueued)
    return replace(made, space=moved(made.space, to), base=moved_values(made.base, to), given=given)


def study_created(made: Draft, home: Home) -> StudyCreated:
    """The study's first event; its teachers are copied into its folder before it is told."""
    study = secrets.token_hex(4)
    to = places(made.given.teachers, home.study(study))
    teachers = copied(made.given.teachers, to)
    made = placed(made, to)
    request = made.request
    return StudyCreated(
        study=study,
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
        runtime_env=request.runtime_env,
        data=made.data.sentence(request.protocol),
        data_fingerprint=made.data.fingerprint,
        split_fingerprint=made.data.split_fingerprint,
        protocol=request.protocol,
        versions={name: version(name) for name in VERSIONS} | {"python": sys.version.split()[0]},
        command=redacted(command_of(request)),
        enqueued=made.given.enqueued,
        earlier=made.given.earlier,
        confirm=made.given.confirm,
        limits=made.given.limits,
        teachers=teachers,
        checkpoints=request.checkpoints,
        keep=request.keep_checkpoints,
    )
