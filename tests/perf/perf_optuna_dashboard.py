"""optuna-dashboard over the same trials as our study page, for the same browser."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from perf_browser import Visit, visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["optuna_visit"]

_DRAWN = [".js-plotly-plot .scatterlayer .points path"]
"""Its page of a study, once the first of its plots shows trials and not axes alone; it goes on drawing after that."""
_WAIT = 900.0


def optuna_visit(browser: Browser, folder: Path, home: Path, trials: int) -> Visit:
    """Copy the study of `home` into a journal of Optuna, serve it by optuna-dashboard and load its page once."""
    folder.mkdir()
    journal = folder / "journal.log"
    _copy(home, journal, trials)
    with _serving(journal) as address:
        _answered(f"{address}/api/studies/0?after=0", _WAIT)  # it has read the journal once, as ours its log
        return visit(browser, f"{address}/dashboard/studies/0", _DRAWN, wait=_WAIT)


def _copy(home: Path, journal: Path, trials: int) -> None:
    """The same configurations, scores and curves of mAP."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    from orchestrator.service.service import Service

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    service = Service(home)
    study = service.studies()[0].id
    detail, metrics = service.study(study), service.metrics(study)
    service.close()
    curves: dict[int, dict[int, float]] = {}
    for trial, epoch, score in zip(metrics.trial, metrics.epoch, metrics.metrics["mAP"], strict=True):
        if score is not None:
            curves.setdefault(trial, {})[epoch] = score
    names = sorted({name for row in detail.trials for name in row.values})
    spaces = {name: _choices([row.values.get(name) for row in detail.trials]) for name in names}
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    copy = optuna.create_study(storage=storage, study_name="large", direction="maximize")
    for row in detail.trials[:trials]:
        values = {name: row.values[name] for name in names if name in row.values}
        told = {name: value if isinstance(value, float | int) else str(value) for name, value in values.items()}
        copy.add_trial(
            optuna.trial.create_trial(
                params=told,
                distributions={name: spaces[name] for name in told},
                value=row.score,
                intermediate_values=curves.get(row.id, {}),
            )
        )


def _choices(values: list[object]) -> object:
    """The distribution that holds these values: a range for numbers, choices for everything else."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    known = [value for value in values if value is not None]
    if all(isinstance(value, float | int) and not isinstance(value, bool) for value in known):
        numbers = [float(str(value)) for value in known]
        return FloatDistribution(min(numbers), max(numbers))
    return CategoricalDistribution(
        sorted({value if isinstance(value, bool) else str(value) for value in known}, key=str)
    )


@contextmanager
def _serving(journal: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = shutil.which("optuna-dashboard", path=str(Path(sys.executable).parent))
    if command is None:
        raise RuntimeError("optuna-dashboard is not installed: pip install -e '.[dev]' brings it")
    with subprocess.Popen([command, "--port", str(port), str(journal)], stderr=subprocess.DEVNULL) as server:
        try:
            _answered(f"http://127.0.0.1:{port}/dashboard", 120)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _answered(url: str, wait: float) -> None:
    """Return once the address answers. RuntimeError when it does not within `wait` seconds."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=wait) as answer:
                answer.read()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"optuna-dashboard did not answer within {wait:g} s")
