"""The pages of one study and its trials, rendered on the server and complete without JavaScript; islands add life."""

from __future__ import annotations

from fastapi import APIRouter

from dashboards.rendering import Renderer
from dashboards.study_routes import add_study_pages
from dashboards.trial_pages import add_trial_pages
from orchestrator.service.service import Service

__all__ = ["pages_router"]


def pages_router(service: Service, render: Renderer) -> APIRouter:
    """The pages of one study and its trials, and their verbs."""
    router = APIRouter(include_in_schema=False)
    add_trial_pages(router, service, render)
    add_study_pages(router, service, render)
    return router
