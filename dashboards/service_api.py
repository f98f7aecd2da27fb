"""The HTTP API of the service itself: who runs, who waits, and a study's share of the slots."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from dashboards.people import caller
from dashboards.refs import StudyRef
from orchestrator.events import NO_LIMIT
from orchestrator.service.daemon.view import DaemonView
from orchestrator.service.service import Service
from orchestrator.service.views_acting import Acted

__all__ = ["ShareRequest", "add_service"]


class ShareRequest(BaseModel):
    """A study's share of the service's slots from now on; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_slots: int | None = Field(None, ge=0, le=NO_LIMIT, description="never more slots than this; 0: no limit")
    priority: int | None = Field(None, ge=-1000, le=1000, description="the higher is served first")
    weight: float | None = Field(None, gt=0, le=1e6, allow_inf_nan=False, description="share within its priority")


def add_service(router: APIRouter, service: Service) -> None:
    """Add the routes."""

    @router.get("/service", tags=["service"])
    def view() -> DaemonView:
        """Whether the service (`reid-tune up`) is up, its slots, what runs and what waits for what."""
        return service.daemon()

    @router.post("/studies/{study}/share", tags=["studies"])
    def share(study: StudyRef, wanted: ShareRequest, request: Request) -> Acted:
        """Change a study's share of the slots, while it runs or before."""
        return service.share(
            study, caller(request), max_slots=wanted.max_slots, priority=wanted.priority, weight=wanted.weight
        )
