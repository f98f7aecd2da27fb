"""The application: pages, API, stream and guard over one Service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from dashboards.api import api_router
from dashboards.entry import Entry
from dashboards.error_page import Fallen, error_context
from dashboards.errors import ErrorView, explain, respond
from dashboards.fleet_pages import fleet_router
from dashboards.gallery_pages import gallery_router
from dashboards.health import health_router
from dashboards.hints import explained
from dashboards.launch_pages import launch_router
from dashboards.login import login_router
from dashboards.metrics import Measured, Measures, metrics_router
from dashboards.pages import pages_router
from dashboards.rendering import STATIC, Renderer, import_map_hash
from dashboards.security import Guard
from dashboards.stream import Feed
from dashboards.witness import Witness
from orchestrator.service.audit import Audit
from orchestrator.service.confined import Roots
from orchestrator.service.errors import ReidTuneError
from orchestrator.service.fleet.cluster import Cluster
from orchestrator.service.inspection.gallery import Galleries
from orchestrator.service.people import People
from orchestrator.service.service import Service

__all__ = ["create_app"]


def create_app(service: Service, *, token: str = "", login: bool = False, data_roots: Sequence[str] = ()) -> FastAPI:
    """The web front of `service`. With a `token`, with people, or with `login` every request proves who asks.

    Requests may then name files below `data_roots` only; without a login they may name any, unless roots are given.

    `app.state.feed` is the stream's source; close it before the server stops, so that open streams end.
    """
    feed = Feed(service)
    cluster, galleries = Cluster(service), Galleries(service)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        feed.close()
        cluster.close()

    app = FastAPI(
        title="reid-tune",
        version="1",
        description="Studies, trials, metrics and spaces. Times are Unix seconds, metrics fractions in [0, 1].",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.feed = feed
    render = Renderer()
    app.include_router(api_router(service, feed, cluster, galleries))
    roots = Roots.of(data_roots, service.home.root / "studies")
    service.roots = roots if data_roots else service.roots
    entry = Entry(
        People(service.home.people), token=token, login=login, on_close=lambda: setattr(service, "roots", roots)
    )
    app.include_router(pages_router(service, render))
    app.include_router(gallery_router(service, render, galleries))
    app.include_router(fleet_router(service, render, cluster))
    app.include_router(launch_router(service, render))
    app.include_router(login_router(render, entry))
    measures = Measures(service)
    app.include_router(health_router(service))
    app.include_router(metrics_router(measures))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_error_pages(app, render)
    show = partial(_shown, render)
    app.add_middleware(Fallen, show=show)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    witness = Witness(Audit(service.home.audit))
    app.add_middleware(Guard, entry=entry, witness=witness, show=show, script_hashes=(import_map_hash(),))
    app.add_middleware(Measured, measures=measures)
    return app


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _shown(render: Renderer, request: Request, status: int, view: ErrorView) -> Response:
    """An error as a page for a browser, as JSON for anybody else."""
    if not _wants_page(request):
        return respond(status, view)
    return render("error.html", request, error_context(status, view), status=status)


def _add_error_pages(app: FastAPI, render: Renderer) -> None:
    """The API answers errors as JSON, the pages as pages, with the same status."""

    def answer(request: Request, error: Exception) -> Response:
        status, view = explain(error)
        view = explained(request, status, error, view)
        if isinstance(error, RequestValidationError) and _wants_page(request):  # names nothing, such as /studies/a b
            status, view = HTTPStatus.NOT_FOUND, ErrorView(code="not-found", message="There is no such page.")
        return _shown(render, request, status, view)

    for kind in (ReidTuneError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)
