"""Routes of a served model: /embed, /search, /identify, what it is, and how it does."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from dashboards.errors import ErrorBody, ErrorView, respond
from dashboards.metrics import gauge
from orchestrator.service.errors import Finding, InvalidInput
from orchestrator.service.image_index.views import IdentityView, QueryView
from orchestrator.service.served_model.pictures import FORMATS
from orchestrator.service.served_model.service import ModelService, Rows

__all__ = ["ModelCollector", "model_router"]

_JSON = "application/json"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            _JSON: {
                "schema": {
                    "type": "object",
                    "required": ["images"],
                    "properties": {
                        "images": {
                            "type": "array",
                            "items": {"type": "string", "contentEncoding": "base64"},
                            "description": f"Encoded pictures ({', '.join(FORMATS)}), in base64.",
                        }
                    },
                }
            },
        },
    }
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": what}
    for status, what in (
        (401, "a token is needed"),
        (413, "the body is too large"),
        (422, "a picture does not decode or is too large, or an option is wrong"),
        (429, "too many images wait; Retry-After says when to come again"),
    )
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelAnswer(_Frozen):
    """The model that answers, and the index that it looks in."""

    name: str
    dim: int
    size: tuple[int, int] = Field(description="height and width in pixels")
    rows: int | None = Field(description="images in the index; null without one")
    threshold: float | None = Field(description="cosine distance up to which /identify says who it is")
    metrics: dict[str, float] = Field(description="fractions in [0, 1] that the model was measured with")
    protocol: str
    max_images: int
    max_pixels: int


class EmbedAnswer(_Frozen):
    """Embeddings of unit length, one for each image."""

    model: str
    embeddings: list[list[float]]


class SearchAnswer(_Frozen):
    """The nearest of each image; `file` of a query is its number in the request."""

    model: str
    queries: tuple[QueryView, ...]


class IdentifyAnswer(_Frozen):
    """Who each image shows; `pid` is null for nobody who is in the index."""

    model: str
    people: list[IdentityView]


def model_router(service: ModelService) -> APIRouter:
    """The routes over one served model."""
    router = APIRouter(tags=["model"])

    async def rows_of(request: Request) -> Rows:
        service.batches.check_room()  # before anything is decoded
        with service.batches.coming():
            images = _images(request.headers.get("content-type", ""), await request.body())
            pixels = await run_in_threadpool(service.pictures, images)
            answer = service.embed(pixels)
        return await asyncio.wrap_future(answer)

    @router.post("/embed", responses=_ERRORS, openapi_extra=_BODY)
    async def embed(request: Request) -> EmbedAnswer:
        """Embeddings of a picture (the body), or of several (JSON)."""
        rows = await rows_of(request)
        return EmbedAnswer(model=service.embedder.name, embeddings=rows.tolist())

    @router.post("/search", responses=_ERRORS, openapi_extra=_BODY)
    async def search(
        request: Request, top: Annotated[int, Query(ge=1, le=1000)] = 10, *, rerank: bool = False
    ) -> SearchAnswer:
        """The images of the index that are nearest, with cosine distances; `rerank`: k-reciprocal re-ranking."""
        rows = await rows_of(request)
        queries = await run_in_threadpool(service.search, rows, top, rerank=rerank)
        return SearchAnswer(model=service.embedder.name, queries=queries)

    @router.post("/identify", responses=_ERRORS, openapi_extra=_BODY)
    async def identify(
        request: Request, threshold: Annotated[float | None, Query(ge=0, le=2)] = None
    ) -> IdentifyAnswer:
        """Who is on each picture, or nobody: the nearest identity when it is nearer than the threshold."""
        rows = await rows_of(request)
        people = await run_in_threadpool(service.identify, rows, threshold)
        return IdentifyAnswer(model=service.embedder.name, people=people)

    @router.get("/model", responses={401: _ERRORS[401]})
    def model() -> ModelAnswer:
        """What answers here."""
        card, limits, index = service.embedder.card, service.settings.limits, service.maybe_index
        kept = index.state.threshold if index is not None else None
        given = service.settings.threshold
        return ModelAnswer(
            name=service.embedder.name,
            dim=service.embedder.dim,
            size=service.embedder.size,
            rows=None if index is None else len(index),
            threshold=given if given is not None else (kept.distance if kept else None),
            metrics=card.metrics,
            protocol=card.protocol,
            max_images=limits.images,
            max_pixels=limits.pixels,
        )

    @router.get("/healthz", tags=["health"])
    def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", tags=["health"], responses={503: {"model": ErrorBody}})
    def readyz() -> JSONResponse:
        """The model is loaded and takes images."""
        if service.batches.alive:
            return JSONResponse({"status": "ready"})
        view = ErrorView(code="not-ready", message="the model takes no images: the service is stopping")
        return respond(HTTPStatus.SERVICE_UNAVAILABLE, view)

    return router


class ModelCollector(Collector):
    """What the batches did, for Prometheus."""

    def __init__(self, service: ModelService) -> None:
        self._batches = service.batches

    def describe(self) -> list[Metric]:
        """Nothing: it is known when it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures of now."""
        done = self._batches.figures
        for name, what, value in (
            ("images", "Images that were embedded.", done.images),
            ("batches", "Batches that they went in.", done.batches),
            ("refused", "Requests that were refused because too many images waited.", done.refused),
            ("failed_batches", "Batches that failed.", done.failed),
            ("wait_seconds", "Seconds that images waited for their batch, summed.", done.waited),
            ("compute_seconds", "Seconds that the model computed.", done.computed),
        ):
            yield CounterMetricFamily(f"reid_tune_model_{name}", what, value)
        yield gauge("reid_tune_model_queue_images", "Images that wait now.", self._batches.waiting)


def _images(kind: str, body: bytes) -> list[bytes]:
    """The encoded pictures of a request. Raises InvalidInput."""
    if kind.partition(";")[0].strip().lower() != _JSON:
        return [body]
    try:
        told = json.loads(body)
        return [base64.b64decode(text, validate=True) for text in told["images"]]
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError) as error:
        message = 'the body is not {"images": [pictures in base64]}'
        raise InvalidInput(Finding("bad-body", message, key="images", hint=str(error))) from error
