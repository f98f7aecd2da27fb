"""Runs a study's controller in this process, with its backend and its MLflow follower."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.backends.inline import InlineBackend
from orchestrator.backends.process_backend import ProcessBackend
from orchestrator.backends.protocol import Backend
from orchestrator.backends.run_segment import REID_TRIAL
from orchestrator.control.controller import Controller
from orchestrator.events import Logged, StudyCreated, StudyState
from orchestrator.service import logs
from orchestrator.service.notify import notify_beside
from orchestrator.service.processes import spawn
from orchestrator.service.runtime_env import environment_of
from orchestrator.service.service import Service
from orchestrator.store import OUTAGE_SECONDS
from orchestrator.trial.protocol import Resources

__all__ = ["RunHandle", "open_run"]

Observer = Callable[[Logged, StudyState], None]


class RunHandle:
    """A study about to run here: `run()` blocks until it ends, is paused or interrupted; `interrupt` pauses it."""

    def __init__(self, controller: Controller, follower: subprocess.Popen[bytes] | None, log: Path) -> None:
        self._controller = controller
        self._follower = follower
        self._log = log

    def tracked(self) -> bool:
        """Whether the MLflow follower still works; once it has ended, nothing more will come from it."""
        return self._follower is not None and self._follower.poll() is None

    @property
    def state(self) -> StudyState:
        """The state so far; grows while `run` runs."""
        return self._controller.state

    def run(self) -> StudyState:
        """Run the loop; every event, and what ended it too early, is a line in the study's controller.log."""
        with logs.kept_in(self._log):
            try:
                return self._controller.run()
            except Exception as error:
                logs.failed("the controller gave up", error, study=self.state.created and self.state.created.study)
                raise

    def interrupt(self, by: str, *, within: bool = False) -> None:
        """Finish running epochs, or stop `within` them, save, and return from `run`."""
        self._controller.interrupt(by, within=within)


@contextmanager
def open_run(
    service: Service,
    study: str,
    *,
    observer: Observer | None = None,
    trial: str = REID_TRIAL,
    track: bool = True,
    local: str = "ray",
    ray_address: str = "",
    shared: bool = False,
) -> Iterator[RunHandle]:
    """A handle that runs `study` here. Raises Conflict when another controller owns it.

    A study for Ray that names no cluster runs on `ray_address`, or without one on the backend `local` of this machine.
    `shared`: it uses no more slots than the daemon grants; otherwise a grant of earlier is forgotten.
    The backend closes and the follower is left to finish by itself when the block ends.
    """
    row = service.store.find(study)
    service.check_free(row)
    service.store.wait_for_server(OUTAGE_SECONDS)
    created = service.state(row.id).created
    if created is None:
        raise ValueError(f"study {row.id} has no creation event")
    directory = service.home.study(row.id)
    directory.mkdir(parents=True, exist_ok=True)
    if not shared:
        service.store.grant(row.id, None)
    backend = _backend(_placed(created, local, ray_address), trial)
    try:
        follower = follow(service, row.id, directory) if track else None
        notify_beside(service, row.id, directory)
        controller = Controller(
            service.store,
            row.id,
            backend,
            directory=directory,
            resources=_resources(created),
            observer=logs.event_log(row.id, row.name, observer),
        )
        yield RunHandle(controller, follower, directory / "controller.log")
    finally:
        backend.close()


def follow(service: Service, study: str, directory: Path) -> subprocess.Popen[bytes]:
    """Start the process that projects the study's log to MLflow; it ends by itself when the study rests."""
    return spawn(
        "orchestrator.service.tracking_process", [str(service.home.root), study], directory / "mlflow.log", nice=10
    )


def _placed(created: StudyCreated, local: str, ray_address: str) -> StudyCreated:
    """The study with the place where it runs."""
    if created.backend != "ray" or created.ray_address:
        return created
    return created.model_copy(update={"backend": "ray" if ray_address else local, "ray_address": ray_address})


def _backend(created: StudyCreated, trial: str) -> Backend:
    if created.backend == "inline":
        return InlineBackend(trial)
    if created.backend == "processes":
        return ProcessBackend(created.workers, _resources(created), trial=trial)
    from orchestrator.backends.ray_backend import RayBackend  # noqa: PLC0415 - Ray only where it is used

    return RayBackend(
        created.workers,
        _resources(created),
        address=created.ray_address,
        trial=trial,
        environment=environment_of(created.runtime_env),
    )


def _resources(created: StudyCreated) -> Resources:
    """What each segment takes: threads and GPUs as they were shared out, the rest as the space says."""
    wanted = created.space.resources
    return Resources(
        cpus=created.cpus,
        gpus=created.gpus,
        memory_gb=wanted.memory_gb,
        nodes=wanted.nodes,
        labels=wanted.labels,
        custom=wanted.custom,
        silence=wanted.silence,
    )
