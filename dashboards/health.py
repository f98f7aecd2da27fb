"""`/healthz` and `/readyz`: whether the process answers, and which part of the service does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from dashboards.errors import ErrorBody, ErrorView, FindingView, respond
from orchestrator.service.errors import ReidTuneError
from orchestrator.service.service import Service

__all__ = ["health_router"]

LEAST_FREE = 64 * 1024**2
"""Bytes on the disk of the home folder; with less nothing more can be recorded."""


def health_router(service: Service) -> APIRouter:
    """The two routes; they need no login and say nothing of studies."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"model": ErrorBody}})
    def readyz() -> JSONResponse:
        """Every part that requests need answers too; if not, which and why."""
        parts: dict[str, Callable[[], str]] = {
            "store": lambda: _store(service),
            "home": lambda: _home(service),
            "disk": lambda: _disk(service),
        }
        found = {name: examine() for name, examine in parts.items()}
        bad = {name: why for name, why in found.items() if why}
        if not bad:
            return JSONResponse({"status": "ready", "parts": dict.fromkeys(found, "ok")})
        message = "; ".join(f"{name}: {why}" for name, why in bad.items())
        findings = tuple(FindingView(code="not-ready", message=why, key=name) for name, why in bad.items())
        view = ErrorView(
            code="not-ready", message=message, hint="`reid-tune doctor` says what to do", findings=findings
        )
        return respond(HTTPStatus.SERVICE_UNAVAILABLE, view)

    return router


def _store(service: Service) -> str:
    try:
        service.store.studies()
    except ReidTuneError as error:
        return error.message
    return ""


def _home(service: Service) -> str:
    return "" if os.access(service.home.root, os.W_OK | os.X_OK) else "the home folder cannot be written"


def _disk(service: Service) -> str:
    try:
        free = shutil.disk_usage(service.home.root).free
    except OSError as error:
        return error.strerror or "the home folder is gone"
    return "" if free >= LEAST_FREE else f"only {free // 1024**2} MiB are free"
