"""The pages of a study that people work on: the study itself, its trials beside each other, its report, its verbs."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from dashboards.form import posted
from dashboards.people import caller
from dashboards.refs import StudyRef
from dashboards.rendering import Renderer
from dashboards.study_page import study_context
from dashboards.study_report import report_page, report_policy
from dashboards.trial_comparison import comparison_context
from dashboards.trials_view import view_of
from orchestrator.service.errors import Finding, InvalidInput
from orchestrator.service.inspection.build import has_winner
from orchestrator.service.service import Service
from orchestrator.service.trials.comparing import compared, wanted
from orchestrator.service.views_acting import Acted, ExtendRequest, LimitsRequest, NoteRequest, TagRequest

__all__ = ["add_study_pages"]

_MOST_TEXT = 2000
T = TypeVar("T")
Act = Callable[[str, dict[str, str], str], Acted]


def add_study_pages(router: APIRouter, service: Service, render: Renderer) -> None:
    """Add the routes."""
    _add_views(router, service, render)
    _add_verbs(router, service)


def _add_views(router: APIRouter, service: Service, render: Renderer) -> None:
    @router.get("/studies/{study}")
    def study(
        request: Request,
        study: StudyRef,
        filter_text: Annotated[str, Query(alias="filter", max_length=_MOST_TEXT)] = "",
        sort: Annotated[str, Query(max_length=200)] = "",
        columns: Annotated[list[str] | None, Query(max_length=100)] = None,
        page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    ) -> Response:
        view = view_of(filter_text, sort, columns or [])
        context = study_context(service.study(study), view, page)
        return render("study.html", request, context | {"winner": has_winner(service, study)})

    @router.get("/studies/{study}/compare")
    def compare(request: Request, study: StudyRef, trials: Annotated[list[str], Query(max_length=100)]) -> Response:
        detail = service.study(study)
        numbers = wanted(",".join(trials))
        comparison = compared(
            detail.name, [service.trial(study, one) for one in numbers], tuple(detail.space_model.parameters)
        )
        return render("compare_trials.html", request, comparison_context(detail, comparison))

    @router.get("/studies/{study}/report")
    def report(study: StudyRef) -> Response:
        """The report as one file: its style is in it, and its policy allows that and nothing else."""
        text = report_page(service, study)
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": report_policy()}
        return HTMLResponse(text, headers=headers)


def _add_verbs(router: APIRouter, service: Service) -> None:
    def verb(name: str, act: Act) -> None:
        @router.post(f"/studies/{{study}}/{name}", name=name)
        async def ask(request: Request, study: StudyRef) -> Response:
            fields = await posted(request)
            acted = await run_in_threadpool(act, study, fields, caller(request))
            if "application/json" in request.headers.get("accept", ""):
                return Response(acted.model_dump_json(), media_type="application/json")
            return RedirectResponse(f"/studies/{study}", HTTPStatus.SEE_OTHER)

    verb("pause", lambda study, _, by: service.pause(study, by))
    verb("resume", lambda study, _, by: service.resume(study, by))
    verb("stop", lambda study, fields, by: service.stop(study, by, at_rung=fields.get("how") == "rung"))
    verb("extend", lambda study, fields, by: service.extend(study, _extension(fields), by))
    verb("limits", lambda study, fields, by: service.change_limits(study, _limits(fields), by))
    verb("note", lambda study, fields, by: service.note(study, _note(fields), by))
    verb("tags", lambda study, fields, by: service.tag(study, _tags(fields), by))


def _extension(fields: dict[str, str]) -> ExtendRequest:
    return _checked(lambda: ExtendRequest.model_validate(_filled(fields, ("trials", "epochs"))))


def _limits(fields: dict[str, str]) -> LimitsRequest:
    """Every limit that stands in the form; one that was emptied is taken away."""
    names = ("epochs", "gpu_hours", "wall_time", "target")
    cleared = tuple(name for name in names if name in fields and not fields[name].strip())
    clear = cleared if len(cleared) < len(names) else ("all",)
    return _checked(lambda: LimitsRequest.model_validate({**_filled(fields, names), "clear": clear}))


def _note(fields: dict[str, str]) -> str:
    return _checked(lambda: NoteRequest(text=fields.get("text", "")).text)


def _tags(fields: dict[str, str]) -> TagRequest:
    """The whole list of tags, with commas: those that are not in it go."""
    tags = tuple(dict.fromkeys(word.strip() for word in fields.get("tags", "").split(",") if word.strip()))
    return _checked(lambda: TagRequest(add=tags, clear=True))


def _filled(fields: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: fields[name].strip() for name in names if fields.get(name, "").strip()}


def _checked(make: Callable[[], T]) -> T:
    """What `make` makes; a fault in what was typed is an InvalidInput that names the field."""
    try:
        return make()
    except ValidationError as error:
        faults = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors()]
        found = [Finding("invalid-input", f"{key}: {told}", key=key) for key, told in faults]
        raise InvalidInput(found) from error
