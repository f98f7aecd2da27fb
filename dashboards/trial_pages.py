"""The page of one trial: its curves, its configuration beside the default's and the best's, its files, its verbs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

import yaml
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from dashboards.form import posted
from dashboards.formats import value
from dashboards.people import caller
from dashboards.refs import StudyRef, TrialRef
from dashboards.rendering import Renderer
from orchestrator.service.errors import Finding, InvalidInput, ServerUnreachable
from orchestrator.service.inspection.build import has_winner, is_inspected
from orchestrator.service.retention import trial_checkpoints
from orchestrator.service.service import Service
from orchestrator.service.tracking import is_tracked, run_page
from orchestrator.service.trial_output import Output
from orchestrator.service.views import StudyDetail, TrialDetail
from orchestrator.service.views_acting import Acted, TrialCloneRequest

__all__ = ["LogName", "add_trial_pages", "output_of"]

_SET = "set:"
_ENDED = frozenset({"completed", "failed", "stopped"})
_USE = ("gpu", "cpu", "data_wait")
_MEMORY = ("memory_gb", "gpu_memory_gb")
_LINES = 200
_ALWAYS = 2  # charts that say that nothing is there yet
Act = Callable[[str, int, dict[str, str], str], Acted]


class LogName(StrEnum):
    """Which of a trial's texts: its log, or what its processes printed."""

    LOG = "log"
    STDOUT = "stdout"
    STDERR = "stderr"


def output_of(name: LogName) -> Output:
    """The file of a text."""
    return Output[name.name]


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart: its title, what its axis says, and the curves in it."""

    title: str
    label: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """A configuration key that differs from the default's or the best trial's."""

    key: str
    default: object
    best: object
    own: object


def add_trial_pages(router: APIRouter, service: Service, render: Renderer) -> None:
    """Add the routes."""

    @router.get("/studies/{study}/trials/{trial}")
    def show(request: Request, study: StudyRef, trial: TrialRef, log: LogName = LogName.LOG) -> Response:
        return render("trial.html", request, _context(service, study, trial, log))

    @router.get("/studies/{study}/trials/{trial}/mlflow")
    def tracked_run(study: StudyRef, trial: TrialRef) -> Response:
        """To the trial's run in MLflow, which is looked for when somebody asks."""
        return RedirectResponse(run_page(service, study, trial), HTTPStatus.SEE_OTHER)

    _add_verbs(router, service)


def _add_verbs(router: APIRouter, service: Service) -> None:
    def verb(name: str, act: Act) -> None:
        @router.post(f"/studies/{{study}}/trials/{{trial}}/{name}", name=f"{name}_trial_form")
        async def ask(request: Request, study: StudyRef, trial: TrialRef) -> Response:
            fields = await posted(request)
            acted = await run_in_threadpool(act, study, trial, fields, caller(request))
            if "application/json" in request.headers.get("accept", ""):
                return Response(acted.model_dump_json(), media_type="application/json")
            return RedirectResponse(f"/studies/{study}/trials/{trial}", HTTPStatus.SEE_OTHER)

    verb("stop", lambda study, trial, _, by: service.stop_trial(study, trial, by))
    verb("retry", lambda study, trial, _, by: service.retry_trial(study, trial, by))
    verb("promote", lambda study, trial, _, by: service.promote_trial(study, trial, by))
    verb("pin", lambda study, trial, _, by: service.pin_trial(study, trial, by))
    verb("unpin", lambda study, trial, _, by: service.unpin_trial(study, trial, by))

    def clone(study: str, trial: int, fields: dict[str, str], by: str) -> Acted:
        return service.clone_trial(study, trial, _clone(service.trial(study, trial), fields), by)

    verb("clone", clone)


def _clone(trial: TrialDetail, fields: dict[str, str]) -> TrialCloneRequest:
    """The fields that say something else than the trial has. InvalidInput for one that is no YAML."""
    changes: dict[str, object] = {}
    for name, text in fields.items():
        key = name.removeprefix(_SET)
        if not name.startswith(_SET) or text.strip() == value(trial.config.get(key)):
            continue
        try:
            changes[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InvalidInput(Finding("syntax", f"{text!r} is no value", file=key, key=key)) from error
    return TrialCloneRequest.model_validate({"set": changes})


def _log(service: Service, study: str, number: int, log: LogName) -> list[str]:
    """The lines to show; one that says so when they are kept where they cannot be read now."""
    try:
        return service.trial_log(study, number, _LINES, output_of(log))
    except ServerUnreachable as error:
        return [error.message]


def _context(service: Service, study: str, number: int, log: LogName) -> dict[str, object]:
    trial, detail = service.trial(study, number), service.study(study)
    ids = sorted(row.id for row in detail.trials)
    place = ids.index(trial.id) if trial.id in ids else -1
    best = detail.best.trial if detail.best is not None else None
    other = None if best is None or best == number else service.trial(study, best)
    return {
        "study": detail,
        "trial": trial,
        "objective": detail.objective[0].metric,
        "headline": list(dict.fromkeys((detail.objective[0].metric, *detail.measures.shown, "loss"))),
        "searched": [key for key in detail.space_model.parameters if key in trial.config],
        "tied": frozenset(detail.space_model.tied),
        "best": best,
        "compared": _compared(trial, other),
        "panels": _panels(detail, trial),
        "checkpoints": trial_checkpoints(service, study, number),
        "log": _log(service, study, number, log),
        "log_name": log,
        "log_names": list(LogName),
        "tracked": is_tracked(service, study),
        "inspected": is_inspected(service, study, number),
        "winner": best == number and has_winner(service, study),
        "ended": trial.status.value in _ENDED,
        "before": ids[place - 1] if place > 0 else None,
        "after": ids[place + 1] if 0 <= place < len(ids) - 1 else None,
    }


def _compared(trial: TrialDetail, best: TrialDetail | None) -> list[Compared]:
    """The keys in which the trial differs from the default, or from the best trial."""
    changed = {one.key: one.default for one in trial.diff}
    others = best.config if best is not None else trial.config
    defaults = {one.key: one.default for one in (best.diff if best is not None else ())} | changed
    keys = sorted({*changed, *(key for key, own in trial.config.items() if others.get(key) != own)})
    return [
        Compared(key, defaults.get(key, trial.config.get(key)), others.get(key), trial.config.get(key)) for key in keys
    ]


def _panels(study: StudyDetail, trial: TrialDetail) -> list[Panel]:
    """The charts that have something to show: what is measured, losses, learning rate, speed, use of the machine."""
    losses = tuple(name for name in trial.curves if name == "loss" or name.startswith("loss_"))
    shown = tuple(dict.fromkeys((study.objective[0].metric, *study.measures.shown)))
    percent = all(study.measures.is_fraction(name) for name in shown)
    panels = (
        Panel("Metrics", "%" if percent else "value", shown),
        Panel("Losses", "loss", losses or ("loss",)),
        Panel("Learning rate", "learning rate", ("lr",)),
        Panel("Speed", "images/s", ("images_per_second",)),
        Panel("Use of the machine", "cores, shares", _USE),
        Panel("Memory", "GiB", _MEMORY),
    )
    own = [Panel(one.title, one.label, tuple(name for name in one.names if name in trial.curves)) for one in panels]
    return [one if one.names else panels[place] for place, one in enumerate(own) if one.names or place < _ALWAYS]
