"""Opening MLflow's own pages: the command that serves them and the links into them."""

from __future__ import annotations

import sys

from orchestrator.tracking.projection import sqlite_path

__all__ = ["experiment_link", "run_link", "ui_command"]


def ui_command(uri: str, *, host: str = "127.0.0.1", port: int = 5000) -> list[str] | None:
    """The command that serves MLflow's pages on the store at `uri`; None when `uri` is itself a server."""
    if uri.startswith(("http://", "https://")):
        return None
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", host, "--port", str(port)]
    path = sqlite_path(uri)
    if path is not None:
        command += ["--default-artifact-root", str(path.parent / "mlartifacts")]
    return command


def experiment_link(server: str, experiment_id: str) -> str:
    """The page of a study's experiment. Without the workflow type MLflow shows its pages for language models."""
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}?workflowType=machine_learning"


def run_link(server: str, experiment_id: str, run_id: str) -> str:
    """The page of one run."""
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"
