"""The pages over many studies: the list, several beside each other, the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from dashboards.api import catalog_space
from dashboards.flash import Flashes
from dashboards.fleet_verbs import act
from dashboards.people import caller
from dashboards.rendering import Renderer
from orchestrator.service.fleet.cluster import Cluster
from orchestrator.service.fleet.studies import MOST_COMPARED, compare, matching, ordered
from orchestrator.service.fleet.views import StudiesComparison
from orchestrator.service.service import Service
from orchestrator.service.views import StepsView, StudyRequest, StudySummary

__all__ = ["fleet_router", "milestones"]

PAGE = 100
"""Studies of one page of the list."""
_Refs = Annotated[list[str] | None, Query(max_length=200)]
_Text = Annotated[str, Query(max_length=500)]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the address of the list holds."""

    q: str = ""
    archived: bool = False
    sort: str = "newest"
    page: int = 1

    def link(self, **changes: object) -> str:
        """The address of the list with something changed; what is usual is left out."""
        now: dict[str, object] = {"q": self.q, "archived": int(self.archived), "sort": self.sort, "page": self.page}
        now |= changes
        usual: dict[str, object] = {"q": "", "archived": 0, "sort": "newest", "page": 1, "flash": ""}
        told = {name: value for name, value in now.items() if value != usual[name]}
        return f"/?{urlencode(told)}" if told else "/"

    @classmethod
    def of(cls, values: Mapping[str, str]) -> _Shown:
        """From the fields of a form; anything else than what a list shows is not taken over."""
        page = values.get("page", "1")
        return cls(
            q=values.get("q", ""),
            archived=values.get("archived", "") == "1",
            sort=values.get("sort", "newest"),
            page=int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
        )


def fleet_router(service: Service, render: Renderer, cluster: Cluster) -> APIRouter:
    """The pages over this service."""
    router = APIRouter(include_in_schema=False)
    flashes = Flashes()
    _add_list(router, service, render, flashes)
    _add_comparison(router, service, render)
    _add_cluster(router, render, cluster, flashes)
    _add_verbs(router, service, flashes)
    return router


def _add_list(router: APIRouter, service: Service, render: Renderer, flashes: Flashes) -> None:
    @router.get("/")
    def studies(
        request: Request,
        q: _Text = "",
        archived: _Text = "",
        sort: _Text = "newest",
        page: Annotated[int, Query(ge=1, le=99999)] = 1,
        flash: _Text = "",
    ) -> Response:
        shown = _Shown(q, archived == "1", sort, page)
        every = service.studies(archived=True)
        listed = [study for study in every if shown.archived or not study.archived]
        found = ordered(matching(listed, q), sort)
        pages = max(1, -(-len(found) // PAGE))
        first = (min(page, pages) - 1) * PAGE
        context = {
            "studies": found[first : first + PAGE],
            "shown": shown,
            "found": len(found),
            "listed": len(listed),
            "hidden": len(every) - len(listed),
            "total": len(every),
            "pages": pages,
            "first": first,
            "places": {one.id: one.position for one in service.daemon().queue},
            "flash": flashes.get(flash) if flash else None,
            "spaces": service.spaces(),
            "most": MOST_COMPARED,
        }
        return render("studies.html", request, context)


def _add_comparison(router: APIRouter, service: Service, render: Renderer) -> None:
    @router.get("/compare")
    def comparison(request: Request, studies: _Text = "", study: _Refs = None) -> Response:
        if study:  # the list's own form; the address that people share is the short one
            return RedirectResponse(f"/compare?{urlencode({'studies': ','.join(study)}, safe=',')}")
        names = [name for name in studies.split(",") if name.strip()]
        every = service.studies()
        found = compare(service, names) if names else None
        context = {
            "found": found,
            "every": every,
            "chosen": [one.study.id for one in found.studies] if found else [],
            "milestones": milestones(found) if found else [],
        }
        return render("compare_studies.html", request, context)


def milestones(found: StudiesComparison) -> list[tuple[int, list[float | None]]]:
    """The best of each study once it had spent a quarter, a half … of the epochs of the longest one."""
    metric = found.studies[0].study.objective[0].metric
    longest = max(one.study.epochs_spent for one in found.studies)
    marks = sorted({max(1, round(longest * quarter / 4)) for quarter in (1, 2, 3, 4)}) if longest else []

    def cell(study: StudySummary, steps: StepsView, mark: int) -> float | None:
        """None where the study measures something else, or has not spent so much."""
        if study.objective[0].metric != metric or study.epochs_spent < mark:
            return None
        told = zip(reversed(steps.spent), reversed(steps.best), strict=True)
        return next((best for spent, best in told if spent <= mark), None)

    return [(mark, [cell(one.study, one.steps, mark) for one in found.studies]) for mark in marks]


def _add_cluster(router: APIRouter, render: Renderer, cluster: Cluster, flashes: Flashes) -> None:
    @router.get("/cluster")
    def page(request: Request, flash: _Text = "") -> Response:
        context = {"cluster": cluster.view(), "flash": flashes.get(flash) if flash else None}
        return render("cluster.html", request, context)


def _add_verbs(router: APIRouter, service: Service, flashes: Flashes) -> None:
    @router.post("/fleet/start")
    async def start(request: Request) -> Response:
        """A study of a catalog space with everything as the space says."""
        values = dict(await _pairs(request))

        def begin() -> Response:
            wanted = StudyRequest(space=_catalog_name(service, values.get("space", "")))
            made = service.create(wanted, caller(request))
            study = service.launch(made.id, caller(request))
            return RedirectResponse(f"/studies/{study.id}", HTTPStatus.SEE_OTHER)

        return await run_in_threadpool(begin)

    @router.post("/fleet/{verb}")
    async def do(request: Request, verb: str) -> Response:
        pairs = await _pairs(request)
        values = dict(pairs)
        chosen = [text for name, text in pairs if name == "study" and text]

        def answer() -> Response:
            flash = act(service, verb, chosen, values.get("text", ""), caller(request))
            key = flashes.keep(flash)
            if values.get("back") == "/cluster":
                return RedirectResponse(f"/cluster?flash={key}", HTTPStatus.SEE_OTHER)
            return RedirectResponse(_Shown.of(values).link(flash=key), HTTPStatus.SEE_OTHER)

        return await run_in_threadpool(answer)


async def _pairs(request: Request) -> list[tuple[str, str]]:
    """The urlencoded body, with every one of equal names."""
    return parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)


def _catalog_name(service: Service, name: str) -> str:
    return catalog_space(service, name).name
