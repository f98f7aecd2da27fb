"""The launch page: a form of a space's parameters, with the data, the plan, the command and the YAML beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from dashboards.api import catalog_space
from dashboards.errors import ErrorView, FindingView, describe, respond, status_of
from dashboards.form import Filled, errors_by_field, fill, posted, values_of, varies
from dashboards.launch_fields import groups, parameter_fields
from dashboards.people import caller, may_act
from dashboards.rendering import Renderer
from dashboards.study_page import bracket_groups
from orchestrator.service.errors import ReidTuneError
from orchestrator.service.launch.launching import alike, look_ahead, openable
from orchestrator.service.launch.samples import Samples
from orchestrator.service.launch.views import LaunchView
from orchestrator.service.service import Service
from orchestrator.service.views import SpaceView

__all__ = ["launch_router"]

_USUAL_SPACE = "bnneck"
_Refs = Annotated[list[str] | None, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class _Base:
    """What a form begins with: a space of the catalog, or that of the study `like`."""

    space: SpaceView
    like: str = ""

    @classmethod
    def of(cls, service: Service, values: Mapping[str, str]) -> _Base:
        """From the form's own fields. NotFound, Conflict."""
        if values.get("like"):
            study = service.summary(values["like"]).id
            request, space = alike(service, study)
            return cls(space, study if "\n" in request.space else "")
        catalog = service.spaces()
        usual = next((each for each in catalog if each.name == _USUAL_SPACE), catalog[0])
        return cls(catalog_space(service, values["space"]) if values.get("space") else usual)

    def fill(self, values: Mapping[str, str]) -> Filled:
        """The request that the form makes."""
        return fill(self.space, values, named=not self.like)


@dataclass(frozen=True, slots=True)
class _Preview:
    """What the panels show: what launching would do, or why it would not."""

    ahead: LaunchView | None = None
    findings: tuple[FindingView, ...] = ()
    message: str = ""
    hint: str = ""
    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY

    @classmethod
    def of(cls, error: ReidTuneError) -> _Preview:
        """The preview of a request that the service refused."""
        view = describe(error)
        message = "" if view.findings else view.message
        return cls(None, view.findings, message, view.hint, status_of(error)[0])


def launch_router(service: Service, render: Renderer) -> APIRouter:
    """The page over this service."""
    router = APIRouter(include_in_schema=False)
    samples = Samples()
    page = _Page(service, render, samples)
    _add_form(router, service, page)
    _add_launch(router, service, page)
    _add_samples(router, service, samples)
    return router


class _Page:
    """Renders the form with its panels."""

    def __init__(self, service: Service, render: Renderer, samples: Samples) -> None:
        self._service = service
        self._render = render
        self._samples = samples

    def preview(self, filled: Filled, *, measure: bool = False) -> _Preview:
        """What the request would do."""
        if filled.request is None:
            return _Preview()
        try:
            return _Preview(look_ahead(self._service, filled.request, self._samples, measure=measure))
        except ReidTuneError as error:
            return _Preview.of(error)

    def show(self, request: Request, base: _Base, filled: Filled, preview: _Preview, *, asked: bool) -> Response:
        """The form; faults are an error only when a launch was asked for, not while one types."""
        findings = (*filled.findings, *preview.findings)
        wrong = asked and bool(findings or preview.message)
        opened, offered = openable(self._service)
        ahead, space = preview.ahead, base.space
        context = {
            "spaces": self._service.spaces(),
            "space": space,
            "like": base.like,
            "groups": groups(space.space),
            "fields": parameter_fields(space),
            "varying": {key for key in space.space.parameters if varies(filled.values, key)},
            "values": filled.values,
            "edited": filled.edited,
            "ahead": ahead,
            "plan": ahead.plan if ahead else None,
            "brackets": bracket_groups(ahead.plan.plan) if ahead else [],
            "message": preview.message,
            "hint": preview.hint,
            "errors": errors_by_field(findings, space),
            "opened": opened,
            "offered": offered,
        }
        return self._render("launch.html", request, context, status=preview.status if wrong else HTTPStatus.OK)


def _add_form(router: APIRouter, service: Service, page: _Page) -> None:
    @router.get("/launch")
    def form(request: Request, like: str = "", study: _Refs = None) -> Response:
        """The form; what the address names stands in it already."""
        if study:  # the list's own form
            return RedirectResponse(f"/launch?like={quote(study[0], safe='')}")
        values = {name: text for name, text in request.query_params.items() if text}
        base = _Base.of(service, values)
        if like:
            values = {**values_of(alike(service, like)[0]), **values}
        filled = base.fill(values)
        preview = _Preview() if _from_elsewhere(request) else page.preview(filled)
        return page.show(request, base, filled, preview, asked=False)


def _from_elsewhere(request: Request) -> bool:
    """Whether another site sent the browser here: what its link names is not read, or fetched, until a person asks."""
    return request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}


def _add_launch(router: APIRouter, service: Service, page: _Page) -> None:
    @router.post("/launch")
    async def launch(request: Request) -> Response:
        values = await posted(request)
        action = values.get("action", "plan")
        request.state.preview = action != "launch"

        def act() -> Response:
            base = _Base.of(service, values)
            filled = base.fill(values)
            preview = page.preview(filled, measure=action == "measure")
            if action != "launch" or preview.ahead is None or filled.request is None:
                return page.show(request, base, filled, preview, asked=action == "launch")
            try:
                study = service.launch(service.create(filled.request, caller(request)).id, caller(request))
            except ReidTuneError as error:
                return page.show(request, base, filled, _Preview.of(error), asked=True)
            return RedirectResponse(f"/studies/{study.id}", HTTPStatus.SEE_OTHER)

        return await run_in_threadpool(act)


def _add_samples(router: APIRouter, service: Service, samples: Samples) -> None:
    @router.get("/launch/samples/{key}")
    def sample(request: Request, key: Annotated[str, Path(max_length=40)]) -> Response:
        """One of the images that a form listed; for those who may launch."""
        if not may_act(request):
            view = ErrorView(code="viewer", message="only an operator may look at images before launch")
            return respond(HTTPStatus.FORBIDDEN, view)
        body = samples.png(key, service.roots)
        return Response(body, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})
