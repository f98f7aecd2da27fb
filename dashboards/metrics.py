"""`/metrics` for Prometheus: the service's figures, and how this server answers."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.service.figures import Figures, RunningStudy, ServiceFigures
from orchestrator.service.service import Service

__all__ = ["HttpMeasures", "Measured", "Measures", "gauge", "metrics_router"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_GIVEN_UP = 499  # who asked left before there was an answer


class HttpMeasures:
    """The registry of one application, and what its middleware counts; `collector` knows what it serves."""

    def __init__(self, collector: Collector) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(collector)
        labels = ("method", "route")
        self.requests = Counter(
            "reid_tune_http_requests", "Requests by route and status.", (*labels, "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "reid_tune_http_seconds",
            "Seconds until an answer began.",
            labels,
            buckets=_SECONDS,
            registry=self.registry,
        )


class Measures(HttpMeasures):
    """Those of the pages and API of studies."""

    def __init__(self, service: Service) -> None:
        super().__init__(_ServiceCollector(service))


class Measured:
    """ASGI middleware around everything: counts every request by the pattern of its route."""

    def __init__(self, app: ASGIApp, *, measures: HttpMeasures) -> None:
        self._app, self._measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note status and seconds when the answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, took = time.perf_counter(), _GIVEN_UP, 0.0

        async def answer(message: Message) -> None:
            nonlocal status, took
            if message["type"] == "http.response.start":
                status, took = message["status"], time.perf_counter() - began
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            status = 500 if status == _GIVEN_UP else status
            raise
        finally:
            method, route = _method(scope), _route(scope)
            self._measures.requests.labels(method, route, str(status)).inc()
            self._measures.seconds.labels(method, route).observe(took or time.perf_counter() - began)


def _method(scope: Scope) -> str:
    """The method; any that HTTP does not know counts as one, for anybody can send one."""
    method = str(scope["method"])
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"


def _route(scope: Scope) -> str:
    """The pattern (`/studies/{study}`), never the address itself: their number must stay small."""
    pattern = getattr(scope.get("route"), "path", None)
    if pattern is not None:
        return str(pattern)
    return "/static" if str(scope["path"]).startswith("/static/") else "other"


class _ServiceCollector(Collector):
    """Asks the service whenever Prometheus asks."""

    def __init__(self, service: Service) -> None:
        self._figures = Figures(service)

    def describe(self) -> list[Metric]:
        """Nothing: registering reads no store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures of now."""
        began = time.perf_counter()
        figures = self._figures.read()
        yield from _whole(figures)
        yield from _each(figures.running)
        yield gauge(
            "reid_tune_metrics_seconds", "Seconds that reading these figures took.", time.perf_counter() - began
        )


def _whole(figures: ServiceFigures) -> Iterator[Metric]:
    studies = GaugeMetricFamily("reid_tune_studies", "Studies by status.", labels=["status"])
    for status, count in sorted(figures.by_status.items()):
        studies.add_metric([status], count)
    ended = GaugeMetricFamily(  # no counter: with a study that is deleted, what it did is gone
        "reid_tune_segments_ended", "Segments that ended, by outcome and failure.", labels=["outcome", "failure"]
    )
    for (outcome, failure), count in sorted(figures.ended.items()):
        ended.add_metric([outcome, failure], count)
    yield studies
    yield ended
    yield gauge("reid_tune_segments_started", "Segments that were started.", figures.started)
    yield gauge("reid_tune_epochs", "Finished epochs of all studies.", figures.epochs)
    yield gauge("reid_tune_queue_length", "Studies that wait for the daemon.", figures.queued)
    yield gauge("reid_tune_slots_used", "Segments that run now.", figures.slots_used)
    if figures.slots is not None:
        yield gauge("reid_tune_slots", "Segments that the daemon may run side by side.", figures.slots)
    if figures.store_bytes is not None:
        yield gauge("reid_tune_store_bytes", "Size of the store's files.", figures.store_bytes)
    yield gauge("reid_tune_disk_free_bytes", "Free space where the home folder is.", figures.disk_free)


def _each(running: tuple[RunningStudy, ...]) -> Iterator[Metric]:
    """One value for each running study; those at rest have no line."""
    best = GaugeMetricFamily("reid_tune_study_best", "Best objective so far.", labels=["study", "metric"])
    beat = GaugeMetricFamily(
        "reid_tune_controller_heartbeat_age_seconds", "Seconds since the controller's last sign.", labels=["study"]
    )
    lag = GaugeMetricFamily("reid_tune_tracking_lag_events", "Events that MLflow misses.", labels=["study"])
    epochs = GaugeMetricFamily("reid_tune_study_epochs", "Finished epochs.", labels=["study"])
    left = GaugeMetricFamily("reid_tune_study_seconds_left", "Expected seconds to the end.", labels=["study"])
    for one in running:
        if one.counts.best is not None:
            best.add_metric([one.name, one.counts.metric], one.counts.best)
        if one.heartbeat_age is not None:
            beat.add_metric([one.name], one.heartbeat_age)
        if one.counts.seconds_left is not None:
            left.add_metric([one.name], one.counts.seconds_left)
        lag.add_metric([one.name], one.tracking_lag)
        epochs.add_metric([one.name], one.counts.epochs)
    yield from (best, beat, lag, epochs, left)


def gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    """A figure that goes up and down."""
    return GaugeMetricFamily(name, what, value)


def metrics_router(measures: HttpMeasures) -> APIRouter:
    """The route; who may read pages may read it."""
    router = APIRouter()

    @router.get("/metrics", tags=["health"], response_class=Response)
    def metrics() -> Response:
        """Figures for Prometheus, in its text format."""
        return Response(generate_latest(measures.registry), media_type=CONTENT_TYPE_LATEST)

    return router
