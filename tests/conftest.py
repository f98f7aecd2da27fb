"""Shared fixtures: a home folder of the test's own, and where the shared data lies (a fresh clone has none)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # tests/trials holds trials that workers import by path

from postgres_server import postgres  # noqa: E402 - found by the line before

if TYPE_CHECKING:
    from orchestrator.service.service import Service

__all__ = ["home", "postgres", "service", "shared"]

settings.register_profile("same", derandomize=True)  # make test says the same of the same commit
settings.register_profile("other", derandomize=False)  # make test-faults looks for what nobody saw yet
settings.load_profile("same")

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """REID_TUNE_HOME of this test alone."""
    folder = tmp_path / "home"
    monkeypatch.setenv("REID_TUNE_HOME", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("REID_TUNE_STORE", raising=False)
    return folder


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service over a home folder of this test alone."""
    from orchestrator.service.service import Service

    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of small real data sets, weights and golden numbers; skips by name without it."""
    folder = Path(os.environ.get("REID_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("the shared data folder is absent (REID_SHARED)")
    return folder
