"""What `reid-tune up` was asked for; the daemon's process gets it as one word of JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.service.machine import MAX_DEFAULT_WORKERS, cores, gpu_count

__all__ = ["TOKEN", "Settings", "default_slots"]

TOKEN = "REID_TUNE_TOKEN"  # noqa: S105 - the name of an environment variable
"""Environment variable with the token of the pages; only the web server inherits it."""


def default_slots() -> int:
    """One slot a GPU where there are GPUs, else one a core, a few at most."""
    return gpu_count() or min(MAX_DEFAULT_WORKERS, cores())


class Settings(BaseModel):
    """How the daemon runs studies, and where its pages listen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: int = Field(default_factory=default_slots, ge=1, description="segments side by side, of all studies")
    host: str = "127.0.0.1"
    port: int = Field(8300, ge=0, le=65535, description="0: any free one")
    web: bool = True
    login: bool = False
    behind_proxy: bool = False
    data_roots: tuple[str, ...] = ()
    backend: Literal["processes", "ray"] = Field(
        "processes", description="where studies run that were made for Ray on this machine"
    )
    ray_address: str = Field("", description="the Ray cluster for studies that name none; then `backend` is ray")
    mlflow: bool = Field(default=True, description="record studies in MLflow while they run")
    tick: float = Field(0.5, gt=0, description="seconds between two turns")
