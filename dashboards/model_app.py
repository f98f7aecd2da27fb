"""A served model as an application: its routes behind the guard that the pages have, and the server that runs it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from dashboards.errors import explain, respond
from dashboards.metrics import HttpMeasures, Measured, metrics_router
from dashboards.model_api import ModelCollector, model_router
from dashboards.programs import for_programs
from dashboards.security import Bounds, is_loopback, too_many
from dashboards.serve import announce, bind, web_config
from orchestrator.service.errors import ReidTuneError, UsageError
from orchestrator.service.home import Home
from orchestrator.service.served_model.service import Busy, ModelService

__all__ = ["create_model_app", "serve_model"]

_STOP_SECONDS = 30
"""What is in flight when the server is told to stop has so long to finish."""
_SWITCH_SECONDS = 0.0005
"""Python's turn of a thread. Each layer of a network takes the interpreter back from the threads that read and decode:
with the usual 5 ms, hundreds of layers wait longer than they compute."""
_BURST, _PER_SECOND = 20_000.0, 5000.0


def create_model_app(service: ModelService, *, token: str = "", home: Path | None = None) -> FastAPI:
    """The web front of a served model; with a `token` every request but health checks must carry it.

    Closing it (its lifespan's end) finishes what is in flight and closes `service`.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    app = FastAPI(
        title="reid-tune model",
        version="1",
        description="Embeddings, search and open-set identification. Distances are cosine distances in [0, 2].",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    measures = HttpMeasures(ModelCollector(service))
    app.include_router(model_router(service))
    app.include_router(metrics_router(measures))
    for kind in (ReidTuneError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answer)
    folder = Home(home) if home is not None else Home.default()
    bounds = Bounds(body=service.settings.limits.body, burst=_BURST, per_second=_PER_SECOND)
    app.add_middleware(for_programs, home=folder, token=token, bounds=bounds)
    app.add_middleware(Measured, measures=measures)
    return app


def _answer(_request: Request, error: Exception) -> Response:
    if isinstance(error, Busy):
        return too_many(error.seconds, "images wait for the model")
    return respond(*explain(error))


def serve_model(service: ModelService, host: str, port: int, token: str = "") -> None:
    """Serve until interrupted; then what is in flight is finished. Port 0 takes a free one.

    Raises UsageError beyond loopback without a token, Conflict when the port is taken.
    """
    if not is_loopback(host) and not token:
        raise UsageError(
            "a model that other machines may ask needs a token",
            hint="--token SECRET (or REID_TUNE_TOKEN), or listen on 127.0.0.1 only",
        )
    listener = bind(host, port)
    config = web_config(create_model_app(service, token=token))
    config.timeout_graceful_shutdown = _STOP_SECONDS
    announce(listener, host)
    sys.setswitchinterval(_SWITCH_SECONDS)
    with listener:
        uvicorn.Server(config).run(sockets=[listener])
