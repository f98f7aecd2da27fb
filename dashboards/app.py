"""The application: pages, API, stream and guard over one Service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from dashboards.api import api_router
from dashboards.errors import ErrorBody, ErrorView, describe, explain, respond
from dashboards.pages import pages_router
from dashboards.rendering import STATIC, Renderer, import_map_hash
from dashboards.security import Guard
from dashboards.stream import Feed
from orchestrator.service.errors import ReidTuneError
from orchestrator.service.service import Service

__all__ = ["create_app"]


def create_app(service: Service, *, token: str = "") -> FastAPI:
    """The web front of `service`. With a `token`, every request but login and health checks must carry it.

    `app.state.feed` is the stream's source; close it before the server stops, so that open streams end.
    """
    feed = Feed(service)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        feed.close()

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
    app.include_router(api_router(service, feed))
    app.include_router(pages_router(service, render, token))
    _add_health(app, service)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_error_pages(app, render)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Guard, token=token, script_hashes=(import_map_hash(),))
    return app


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", tags=["health"])
    def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], responses={503: {"model": ErrorBody}})
    def readyz() -> JSONResponse:
        """The store answers too."""
        try:
            service.studies()
        except ReidTuneError as error:
            return respond(HTTPStatus.SERVICE_UNAVAILABLE, describe(error))
        return JSONResponse({"status": "ready"})


def _add_error_pages(app: FastAPI, render: Renderer) -> None:
    """The API answers errors as JSON, the pages as pages, with the same status."""

    def answer(request: Request, error: Exception) -> Response:
        status, view = explain(error)
        if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
            return respond(status, view)
        if isinstance(error, RequestValidationError):  # an address that names nothing, such as /studies/a b
            status, view = HTTPStatus.NOT_FOUND, ErrorView(code="not-found", message="There is no such page.")
        context = {"title": HTTPStatus(status).phrase, "message": view.message, "hint": view.hint}
        return render("error.html", request, context, status=status)

    for kind in (ReidTuneError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)
