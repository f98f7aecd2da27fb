"""How long slots wait: the start of a segment on a warm worker, and the idle share of a whole study on Ray."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from perf_rows import Row, Run, Sample, at_most, benchmark

if TYPE_CHECKING:
    from orchestrator.events import Logged
    from orchestrator.trial.protocol import SegmentSpec

_TRIAL = "trials.curves:CurveTrial"


@benchmark(Row("segment start on a warm worker", "s", at_most(0.3), "a fresh Ray actor for each segment"))
def start(run: Run) -> Sample:
    """From Backend.start to its first message, a finished epoch of a trial that computes nothing."""
    from orchestrator.backends.protocol import Ended, Message
    from orchestrator.backends.ray_backend import RayBackend
    from orchestrator.trial.protocol import Resources

    backend = RayBackend(1, Resources(1), trial=_TRIAL)
    backend.workers()

    def once(segment: int) -> float:
        said: list[tuple[float, Message]] = []
        began = time.perf_counter()
        backend.start(_spec(run.folder, segment))
        while not said or not isinstance(said[-1][1], Ended):
            backend.pump(lambda message: said.append((time.perf_counter() - began, message)), 5)
        return said[0][0]

    once(1)
    values = [once(segment) for segment in range(2, run.size(22, 7))]
    backend.close()
    peers = _fresh_actors(run)
    return Sample(values, peers, f"median of {len(values)}, slowest {max(values):.3f} s")


def _fresh_actors(run: Run) -> list[float]:
    """What each start would cost in a process of its own, as Ray Tune starts trials."""
    import ray

    from orchestrator.backends.ray_worker import SegmentWorker

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    remote, times = ray.remote(SegmentWorker), []
    for segment in range(101, 101 + run.size(4, 2)):
        began = time.perf_counter()
        actor = remote.remote(_TRIAL)
        ray.get(next(actor.run.remote(_spec(run.folder, segment))))
        times.append(time.perf_counter() - began)
        ray.kill(actor)
    ray.shutdown()
    return times


def _spec(folder: Path, segment: int) -> SegmentSpec:
    from orchestrator.trial.protocol import SegmentSpec

    return SegmentSpec(
        study="bench",
        trial=segment,
        segment=segment,
        config={"lr": 1e-3},
        from_epoch=0,
        to_epoch=1,
        checkpoint=None,
        seed=0,
        directory=str(folder / f"{segment:04d}"),
    )


@benchmark(Row("12-trial study, 2 workers: slots idle though work exists", "%", at_most(5)))
def idle(run: Run) -> Sample:
    """The main job on the built-in images, on Ray, as a person starts it: real training, half as long as the demo's.

    A slot is busy while its worker runs a segment by its own clock. Counted from the worker's first one, what it takes
    to start is told beside it, to the last start of all: afterwards no work exists that an idle slot could take.
    """
    from orchestrator.service.progress import SlotTime
    from orchestrator.store import open_store

    trials, epochs = run.size((12, 9), (4, 3))
    study = ["--space", "bnneck.yaml", "--trials", str(trials), "--max-epochs", str(epochs)]
    placed = ["--backend", "ray", "--workers", "2", "--name", "idle"]
    program = [sys.executable, "-m", "orchestrator.cli", "run"]
    subprocess.run([*program, *study, *placed], check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
    store = open_store(run.folder / "studies.db")
    log = list(store.events(store.find("idle").id))
    slots = SlotTime()
    for logged in log:
        slots.take(logged)
    share, start = _idle(log)
    told = f"the product itself says {100 * (slots.idle_share(2) or 0):.2f} %"
    return Sample([100 * share], note=f"{log[-1].at - log[1].at:.0f} s, after {start:.1f} s for the workers; {told}")


def _idle(log: list[Logged]) -> tuple[float, float]:
    """1 - busy / slot time from a slot's first segment to the last start of all; seconds until all slots were there."""
    from orchestrator.events import SegmentEnded, SegmentStarted

    starts = [logged.at for logged in log if isinstance(logged.event, SegmentStarted)]
    slots: dict[str, list[tuple[float, float]]] = {}
    for logged in log:
        if isinstance(logged.event, SegmentEnded):
            slots.setdefault(logged.event.worker, []).append((logged.at - logged.event.seconds, logged.at))
    high = starts[-1]
    there = sum(max(0.0, high - ran[0][0]) for ran in slots.values())
    busy = sum(max(0.0, min(end, high) - begin) for ran in slots.values() for begin, end in ran)
    return 1 - busy / there, max(ran[0][0] for ran in slots.values()) - starts[0]
