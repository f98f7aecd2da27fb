"""Whether this machine can run studies, and what to do where it cannot."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from orchestrator.service.home import Home
from orchestrator.service.machine import cores, gpu_count
from orchestrator.store import open_store
from reid_core import api
from reid_core.config import load_config
from reid_core.errors import ReidTuneError

__all__ = ["Check", "examine"]

PACKAGES = ("torch", "ray", "mlflow", "optuna", "faiss-cpu", "fastapi", "pydantic", "sqlalchemy")
LEAST_FREE = 2 * 1024**3


class Check(BaseModel):
    """One finding: `ok`, what was seen, and what to do when it is not."""

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    finding: str
    advice: str = ""


def examine(home: Home, data: Path | None) -> list[Check]:
    """Every check, in the order a person would make them."""
    checks = [_python(), *_packages(), _machine(), _home(home), _store(home), _disk(home), _shared_memory()]
    if data is not None:
        checks.append(_data(data))
    return checks


def _python() -> Check:
    found = sys.version.split()[0]
    return Check(
        name="python",
        ok=sys.version_info >= (3, 11),
        finding=found,
        advice="" if sys.version_info >= (3, 11) else "install Python 3.11 or newer",
    )


def _packages() -> Iterator[Check]:
    for name in PACKAGES:
        try:
            yield Check(name=name, ok=True, finding=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Check(name=name, ok=False, finding="not installed", advice=f"pip install {name}")


def _machine() -> Check:
    gpus = gpu_count()
    return Check(name="machine", ok=True, finding=f"{cores()} cores, {gpus or 'no'} GPU{'s' * (gpus != 1)}")


def _home(home: Home) -> Check:
    try:
        home.ensure()
        with tempfile.TemporaryFile(dir=home.root):
            return Check(name="home", ok=True, finding=str(home.root))
    except (OSError, ReidTuneError) as error:
        return Check(name="home", ok=False, finding=str(error), advice="set REID_TUNE_HOME to a writable folder")


def _store(home: Home) -> Check:
    try:
        store = open_store(home.store)
        count = len(store.studies())
        store.close()
    except ReidTuneError as error:
        return Check(name="store", ok=False, finding=str(error), advice="move the file away, or restore a backup")
    return Check(name="store", ok=True, finding=f"{count} stud{'y' if count == 1 else 'ies'} in {home.store}")


def _disk(home: Home) -> Check:
    free = shutil.disk_usage(home.root if home.root.exists() else Path.cwd()).free
    ok = free >= LEAST_FREE
    return Check(
        name="disk",
        ok=ok,
        finding=f"{free / 1024**3:.0f} GiB free",
        advice="" if ok else "free some space: checkpoints need it",
    )


def _shared_memory() -> Check:
    path = Path("/dev/shm")  # noqa: S108 - Ray's object store lives there; it is looked at, not written
    if not path.exists():
        return Check(name="shared memory", ok=True, finding="not a Linux machine")
    free = shutil.disk_usage(path).free
    ok = free >= 256 * 1024**2 and os.access(path, os.W_OK)
    return Check(
        name="shared memory",
        ok=ok,
        finding=f"{free / 1024**2:.0f} MiB free",
        advice="" if ok else "raise it (docker: --shm-size=2g)",
    )


def _data(data: Path) -> Check:
    try:
        summary = api.describe_data(load_config("bnneck", [("DATASETS.ROOT", str(data.resolve()))]).config)
    except ReidTuneError as error:
        return Check(
            name="data",
            ok=False,
            finding=str(error),
            advice="the hint says what to change; --help of `run` names the layouts",
        )
    return Check(name="data", ok=True, finding=summary.sentence(), advice="; ".join(summary.warnings))
