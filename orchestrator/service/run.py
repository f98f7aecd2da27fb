"""Runs a study's controller in this process, with its backend and its MLflow follower."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.backends.inline import InlineBackend
from orchestrator.backends.protocol import Backend
from orchestrator.backends.run_segment import REID_TRIAL
from orchestrator.control.controller import Controller
from orchestrator.events import Logged, StudyCreated, StudyState
from orchestrator.service.processes import spawn
from orchestrator.service.service import Service
from orchestrator.trial.protocol import Resources

__all__ = ["RunHandle", "open_run"]

Observer = Callable[[Logged, StudyState], None]


class RunHandle:
    """A study about to run here: `run()` blocks until it ends, is paused or interrupted; `interrupt` pauses it."""

    def __init__(self, controller: Controller, follower: subprocess.Popen[bytes] | None) -> None:
        self._controller = controller
        self._follower = follower

    def tracked(self) -> bool:
        """Whether the MLflow follower still works; once it has ended, nothing more will come from it."""
        return self._follower is not None and self._follower.poll() is None

    @property
    def state(self) -> StudyState:
        """The state so far; grows while `run` runs."""
        return self._controller.state

    def run(self) -> StudyState:
        """Run the loop."""
        return self._controller.run()

    def interrupt(self, by: str) -> None:
        """Finish running epochs, save, and return from `run`."""
        self._controller.interrupt(by)


@contextmanager
def open_run(
    service: Service, study: str, *, observer: Observer | None = None, trial: str = REID_TRIAL, track: bool = True
) -> Iterator[RunHandle]:
    """A handle that runs `study` here. Raises Conflict when another controller owns it.

    The backend closes and the follower is left to finish by itself when the block ends.
    """
    row = service.store.find(study)
    service.check_free(row)
    created = service.state(row.id).created
    if created is None:
        raise ValueError(f"study {row.id} has no creation event")
    directory = service.home.study(row.id)
    directory.mkdir(parents=True, exist_ok=True)
    backend = _backend(created, trial)
    try:
        follower = follow(service, row.id, directory) if track else None
        controller = Controller(
            service.store,
            row.id,
            backend,
            directory=directory,
            resources=Resources(created.cpus, created.gpus),
            observer=observer,
        )
        yield RunHandle(controller, follower)
    finally:
        backend.close()


def follow(service: Service, study: str, directory: Path) -> subprocess.Popen[bytes]:
    """Start the process that projects the study's log to MLflow; it ends by itself when the study rests."""
    return spawn(
        "orchestrator.service.tracking_process", [str(service.home.root), study], directory / "mlflow.log", nice=10
    )


def _backend(created: StudyCreated, trial: str) -> Backend:
    if created.backend == "inline":
        return InlineBackend(trial)
    from orchestrator.backends.ray_backend import RayBackend  # noqa: PLC0415 - Ray only where it is used

    return RayBackend(created.workers, Resources(created.cpus, created.gpus), address=created.ray_address, trial=trial)
