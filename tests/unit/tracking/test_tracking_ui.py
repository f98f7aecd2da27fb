"""The way into MLflow's own pages, and addresses that tracking refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchestrator.tracking import MlflowProjection, experiment_link, run_link, ui_command
from reid_core.errors import UsageError


def test_command_opens_the_pages_on_the_studys_store() -> None:
    command = ui_command("sqlite:////home/a/mlflow.db", port=5001)
    assert command is not None
    assert command[:4] == [sys.executable, "-m", "mlflow", "ui"]
    assert command[command.index("--backend-store-uri") + 1] == "sqlite:////home/a/mlflow.db"
    assert command[command.index("--port") + 1] == "5001"
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_server_needs_no_command() -> None:
    assert ui_command("http://mlflow.example:5000") is None


def test_links_ask_for_the_pages_of_trained_models() -> None:
    assert experiment_link("http://a:1/", "7") == "http://a:1/#/experiments/7?workflowType=machine_learning"
    assert run_link("http://a:1", "7", "r") == "http://a:1/#/experiments/7/runs/r?workflowType=machine_learning"


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "./mlruns"])
def test_file_store_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="file store"):
        MlflowProjection(uri, "s1", "name")


@pytest.mark.slow
def test_importing_tracking_does_not_import_mlflow() -> None:
    script = "import sys, orchestrator.tracking; sys.exit('mlflow' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
