"""The pages, rendered on the server and complete without JavaScript; islands in static/js make them live."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from dashboards.api import catalog_space
from dashboards.errors import FindingView, describe, status_of
from dashboards.form import Filled, errors_by_field, fill, parameter_fields, posted
from dashboards.people import caller
from dashboards.rendering import Renderer
from dashboards.study_page import bracket_groups, study_context, trial_context
from orchestrator.service.errors import ReidTuneError
from orchestrator.service.service import Service
from orchestrator.service.views import PlanView, SpaceView, StudySummary
from search_spaces.model import ALGORITHMS, SCHEDULES

__all__ = ["pages_router"]

StudyRef = Annotated[str, Path(pattern=r"^[^/\\\s.][^/\\\s]*$", max_length=200)]
TrialRef = Annotated[int, Path(ge=0)]
_USUAL_SPACE = "bnneck"


def pages_router(service: Service, render: Renderer) -> APIRouter:
    """Every page over this service."""
    router = APIRouter(include_in_schema=False)
    _add_views(router, service, render)
    _add_verbs(router, service)
    _add_launch(router, service, render)
    return router


def _add_views(router: APIRouter, service: Service, render: Renderer) -> None:
    @router.get("/")
    def studies(request: Request) -> Response:
        return render("studies.html", request, {"studies": service.studies()})

    @router.get("/studies/{study}")
    def study(request: Request, study: StudyRef) -> Response:
        return render("study.html", request, study_context(service.study(study)))

    @router.get("/studies/{study}/trials/{trial}")
    def trial(request: Request, study: StudyRef, trial: TrialRef) -> Response:
        detail = service.trial(study, trial)
        log = service.trial_log(study, trial, 200)
        return render("trial.html", request, {**trial_context(service.study(study), detail), "log": log})


def _add_verbs(router: APIRouter, service: Service) -> None:
    def verb(name: str, act: Callable[[str, str], StudySummary]) -> None:
        @router.post(f"/studies/{{study}}/{name}", name=name)
        def ask(request: Request, study: StudyRef) -> Response:
            act(study, caller(request))
            return RedirectResponse(f"/studies/{study}", HTTPStatus.SEE_OTHER)

    verb("pause", service.pause)
    verb("resume", service.resume)
    verb("stop", service.stop)


def _add_launch(router: APIRouter, service: Service, render: Renderer) -> None:
    def show(request: Request, space: SpaceView, filled: Filled, preview: _Preview, *, asked: bool = True) -> Response:
        """The form; faults are an error only when a launch was asked for, not while one types."""
        findings = (*filled.findings, *preview.findings)
        wrong = asked and bool(findings or preview.message)
        status = (preview.status or HTTPStatus.UNPROCESSABLE_ENTITY) if wrong else HTTPStatus.OK
        context = {
            "spaces": service.spaces(),
            "space": space,
            "fields": parameter_fields(space),
            "algorithms": ALGORITHMS,
            "schedules": SCHEDULES,
            "values": filled.values,
            "edited": filled.edited,
            "plan": preview.plan,
            "brackets": bracket_groups(preview.plan.plan) if preview.plan is not None else [],
            "command": preview.command,
            "yaml": filled.request.space if filled.request is not None else "",
            "message": preview.message,
            "hint": preview.hint,
            "errors": errors_by_field(findings, space),
        }
        return render("launch.html", request, context, status=status)

    @router.get("/launch")
    def form(request: Request, space: str = "") -> Response:
        catalog = service.spaces()
        if not catalog:
            empty = {"title": "No spaces", "message": "The catalog is empty.", "hint": ""}
            return render("error.html", request, empty)
        usual = next((each for each in catalog if each.name == _USUAL_SPACE), catalog[0])
        chosen = catalog_space(service, space) if space else usual
        filled = fill(chosen, {})
        return show(request, chosen, filled, _preview(service, filled), asked=False)

    @router.post("/launch")
    async def launch(request: Request) -> Response:
        values = await posted(request)
        request.state.preview = values.get("action") != "launch"

        def act() -> Response:
            space = catalog_space(service, values.get("space", ""))
            filled = fill(space, values)
            preview = _preview(service, filled)
            if values.get("action") != "launch" or preview.plan is None or filled.request is None:
                return show(request, space, filled, preview, asked=values.get("action") == "launch")
            try:
                study = service.launch(service.create(filled.request).id, caller(request))
            except ReidTuneError as error:
                return show(request, space, filled, _Preview.of(error))
            return RedirectResponse(f"/studies/{study.id}", HTTPStatus.SEE_OTHER)

        return await run_in_threadpool(act)


class _Preview:
    """What the plan panel shows: a plan and its command, or why there is none."""

    def __init__(self, plan: PlanView | None = None, command: str = "") -> None:
        self.plan = plan
        self.command = command
        self.findings: tuple[FindingView, ...] = ()
        self.message = ""
        self.hint = ""
        self.status: HTTPStatus | None = None

    @classmethod
    def of(cls, error: ReidTuneError) -> _Preview:
        """The preview of a request that the service refused."""
        preview, view = cls(), describe(error)
        preview.findings = view.findings
        preview.message = "" if view.findings else view.message
        preview.hint = view.hint
        preview.status = status_of(error)[0]
        return preview


def _preview(service: Service, filled: Filled) -> _Preview:
    if filled.request is None:
        return _Preview()
    try:
        return _Preview(service.plan(filled.request), service.command(filled.request))
    except ReidTuneError as error:
        return _Preview.of(error)
