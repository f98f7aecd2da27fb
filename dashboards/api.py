"""The HTTP API: the service's functions under /api/v1, its views as the bodies. Verbs are POST."""

from __future__ import annotations

import hashlib
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, TypeAdapter

from dashboards.bodies import Bodies
from dashboards.errors import ErrorBody
from dashboards.fleet_api import add_fleet
from dashboards.gallery_api import add_inspections
from dashboards.people import caller
from dashboards.refs import StudyRef, TrialRef
from dashboards.service_api import add_service
from dashboards.stream import Delta, Feed
from dashboards.study_api import Filter, Sort, add_study_reads
from dashboards.trial_pages import LogName, output_of
from dashboards.verbs import add_verbs
from orchestrator.service.errors import NotFound
from orchestrator.service.fleet.cluster import Cluster
from orchestrator.service.inspection.gallery import Galleries
from orchestrator.service.service import Service
from orchestrator.service.trials.table import TableView, select_trials
from orchestrator.service.views import (
    MetricsView,
    PlanView,
    SpaceView,
    StudyDetail,
    StudyRequest,
    StudySummary,
    TrialDetail,
    TrialRow,
)
from orchestrator.service.views_analysis import AnalysisView

__all__ = ["LogView", "api_router", "catalog_space", "checked"]

IfNoneMatch = Annotated[str, Header()]
Archived = Annotated[bool, Query(description="archived studies, too")]
_SUMMARIES = TypeAdapter(list[StudySummary])
_ROWS = TypeAdapter(list[TrialRow])
_DIGITS = 15
"""Of an event's number, at most."""
_ERRORS: dict[int | str, dict[str, object]] = {
    status: {"model": ErrorBody} for status in (401, 403, 404, 408, 409, 413, 422, 429, 502)
}


class LogView(BaseModel):
    """The last lines of a trial's log, oldest first."""

    model_config = ConfigDict(frozen=True)

    lines: tuple[str, ...]


def catalog_space(service: Service, name: str) -> SpaceView:
    """A catalog space by name, with or without `.yaml`. Names only: a path never reaches the file system."""
    wanted = name.removesuffix(".yaml")
    for space in service.spaces():
        if space.name.removesuffix(".yaml") == wanted:
            return space
    raise NotFound(f"there is no space {name!r} in the catalog", hint="GET /api/v1/spaces lists them")


def checked(service: Service, request: StudyRequest) -> StudyRequest:
    """The request, once its space is known to be a catalog name or YAML text and not a path on this machine."""
    if "\n" not in request.space:
        catalog_space(service, request.space)
    return request


def api_router(service: Service, feed: Feed, cluster: Cluster, galleries: Galleries) -> APIRouter:
    """Every route of the API over this service."""
    router = APIRouter(prefix="/api/v1", responses=_ERRORS)
    bodies = Bodies()
    _add_reads(router, service, bodies)
    _add_trials(router, service, bodies)
    _add_stream(router, service, feed)
    _add_spaces(router, service)
    _add_creation(router, service)
    add_service(router, service)
    add_fleet(router, service, cluster)
    add_study_reads(router, service)
    add_inspections(router, galleries)
    add_verbs(router, service)
    return router


def _etag(service: Service, study: str, what: str) -> str:
    now = service.summary(study)  # with its status: a controller can die without an event
    return f'W/"{what}-{now.id}-{now.revision}-{now.status}"'


def _add_reads(router: APIRouter, service: Service, bodies: Bodies) -> None:
    etag = partial(_etag, service)

    @router.get("/studies", response_model=list[StudySummary], tags=["studies"])
    def studies(request: Request, archived: Archived = False, if_none_match: IfNoneMatch = "") -> Response:
        """The studies, newest first; archived ones only when asked for."""
        found = service.studies(archived=archived)
        state = repr([(study.id, study.revision, study.status) for study in found])
        mark = hashlib.sha256(state.encode()).hexdigest()[:24]
        return bodies.answer(request, if_none_match, f'W/"{mark}"', lambda: _SUMMARIES.dump_json(found))

    @router.get("/studies/{study}", response_model=StudyDetail, tags=["studies"])
    def detail(study: StudyRef, request: Request, if_none_match: IfNoneMatch = "") -> Response:
        """One study with its plan, space and trials."""
        return bodies.answer(
            request, if_none_match, etag(study, "study"), lambda: service.study(study).model_dump_json().encode()
        )

    @router.get("/studies/{study}/board", include_in_schema=False)  # the page's own: its shape follows the page
    def board(study: StudyRef, request: Request, if_none_match: IfNoneMatch = "") -> Response:
        """One study as its page draws it: every trial in columns, the curves of the best hundred."""
        mark = etag(study, "board")
        return bodies.answer(request, if_none_match, mark, lambda: service.board(study).model_dump_json().encode())

    @router.get("/studies/{study}/metrics", response_model=MetricsView, tags=["studies"])
    def metrics(study: StudyRef, request: Request, if_none_match: IfNoneMatch = "") -> Response:
        """Every reported epoch of a study, in columns."""
        return bodies.answer(
            request, if_none_match, etag(study, "metrics"), lambda: service.metrics(study).model_dump_json().encode()
        )

    @router.get("/studies/{study}/analysis", response_model=AnalysisView, tags=["studies"])
    def analysis(
        study: StudyRef,
        request: Request,
        objective: Annotated[int, Query(ge=0, description="which objective, in the order of the space")] = 0,
        if_none_match: IfNoneMatch = "",
    ) -> Response:
        """What the results say: importance, partial dependence, what the model believes, expected gain."""
        return bodies.answer(
            request,
            if_none_match,
            etag(study, f"analysis{objective}"),
            lambda: service.analysis(study, objective).model_dump_json().encode(),
        )


def _add_trials(router: APIRouter, service: Service, bodies: Bodies) -> None:
    etag = partial(_etag, service)

    @router.get("/studies/{study}/trials", response_model=list[TrialRow], tags=["trials"])
    def trials(
        study: StudyRef, request: Request, filter_text: Filter = "", sort: Sort = "", if_none_match: IfNoneMatch = ""
    ) -> Response:
        """The trials of a study: by number, or those that pass a filter, sorted."""
        if filter_text or sort:
            found = select_trials(service.study(study), TableView(filter_text, sort or "trial"))
            return Response(_ROWS.dump_json(found), media_type="application/json")
        return bodies.answer(
            request, if_none_match, etag(study, "trials"), lambda: _ROWS.dump_json(service.trials(study))
        )

    @router.get("/studies/{study}/trials/{trial}", response_model=TrialDetail, tags=["trials"])
    def trial(study: StudyRef, trial: TrialRef, request: Request, if_none_match: IfNoneMatch = "") -> Response:
        """One trial with its curves, configuration, segments and events."""
        found = service.trial(study, trial)
        return bodies.answer(
            request, if_none_match, etag(study, f"trial{trial}"), lambda: found.model_dump_json().encode()
        )

    @router.get("/studies/{study}/trials/{trial}/log", tags=["trials"])
    def log(
        study: StudyRef,
        trial: TrialRef,
        lines: Annotated[int, Query(ge=1, le=5000)] = 200,
        output: Annotated[LogName, Query(description="its log, or what its processes printed")] = LogName.LOG,
    ) -> LogView:
        """The last lines of a trial's log."""
        return LogView(lines=tuple(service.trial_log(study, trial, lines, output_of(output))))


def _add_stream(router: APIRouter, service: Service, feed: Feed) -> None:
    described: dict[int | str, dict[str, object]] = {
        200: {"model": Delta, "description": "text/event-stream of `delta` events; id is the revision"}
    }

    @router.get("/studies/{study}/events", response_class=StreamingResponse, responses={**described}, tags=["studies"])
    def events(
        study: StudyRef,
        after: Annotated[int, Query(ge=0, description="the revision the client knows")] = 0,
        last_event_id: Annotated[str, Header()] = "",
    ) -> StreamingResponse:
        """Changes after a revision as server-sent events; Last-Event-ID wins over `after`."""
        service.revision(study)  # an unknown study is a 404 now, not a broken stream later
        number = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= _DIGITS
        known = int(last_event_id) if number else after
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(feed.stream(study, known), media_type="text/event-stream", headers=headers)


def _add_spaces(router: APIRouter, service: Service) -> None:
    @router.get("/spaces", tags=["spaces"])
    def spaces() -> list[SpaceView]:
        """The catalog, by name."""
        return service.spaces()

    @router.get("/spaces/{name}", tags=["spaces"])
    def space(name: Annotated[str, Path(max_length=200)]) -> SpaceView:
        """One space of the catalog."""
        return catalog_space(service, name)

    @router.post("/plan", tags=["studies"])
    def plan(request: StudyRequest) -> PlanView:
        """What creating this study would plan; creates nothing."""
        return service.plan(checked(service, request))


def _add_creation(router: APIRouter, service: Service) -> None:
    @router.post("/studies", status_code=HTTPStatus.CREATED, tags=["studies"])
    def create(request: StudyRequest, asked: Request, response: Response) -> StudySummary:
        """Create a study and launch it: in the queue of the service, without one in a process of its own."""
        study = service.launch(service.create(checked(service, request), caller(asked)).id, caller(asked))
        response.headers["Location"] = f"/api/v1/studies/{study.id}"
        return study
