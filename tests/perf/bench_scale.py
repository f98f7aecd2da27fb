"""What a controller costs as studies grow: a whole study on workers that sleep, with the real log on disk."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from perf_rows import Row, Run, Sample, at_least, at_most, benchmark, peak_megabytes

__all__ = ["EPOCH_SECONDS", "Cost", "measure_study"]


EPOCH_SECONDS = 4.0
"""What an epoch sleeps; that of the demo's small network on one core takes about as long."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a whole study: share of slot time slept, CPU seconds of the controller, its peak memory, its store."""

    trials: int
    segments: int
    epochs: int
    busy: float
    cpu_seconds: float
    wall_seconds: float
    megabytes: float
    store_megabytes: float


def measure_study(
    folder: Path, *, trials: int, workers: int, delay: float = EPOCH_SECONDS, algorithm: str = ""
) -> Cost:
    """Run a study of the catalog's bnneck space to its end in this process, `delay` seconds an epoch."""
    from perf_sleepers import Sleepers
    from perf_study import Writer

    from orchestrator.control.controller import Controller
    from orchestrator.store import open_store
    from orchestrator.trial.protocol import Resources
    from search_spaces.load import load_space

    chosen = algorithm or load_space("bnneck").space.search.algorithm
    first = Writer(trials, 0, algorithm=chosen).created.model_copy(update={"workers": workers})
    store = open_store(folder / "studies.db")
    store.create_study(first, time.time())
    backend = Sleepers(workers, delay)
    began, cpu = time.perf_counter(), time.process_time()
    state = Controller(store, first.study, backend, directory=folder / "files", resources=Resources(1)).run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    store.close()
    kept = sum(path.stat().st_size for path in folder.glob("studies.db*"))
    epochs = state.epochs_spent
    return Cost(
        len(state.trials), state.segments, epochs, backend.share_busy(), cpu, wall, peak_megabytes(), kept / 1e6
    )


@benchmark(
    Row("256 simulated workers, 10,000 trials: workers busy", "%", at_least(95)),
    Row("CPU of its controller a trial", "ms"),
    Row("peak memory of its controller", "MB", at_most(300)),
    Row("its store on disk", "MB"),
    slow=True,
    timeout=3600.0,
)
def many_workers(run: Run) -> tuple[Sample, ...]:
    """The default algorithm over rungs 7 / 20 / 60 on a clock of its own (perf_sleepers)."""
    cost = measure_study(run.folder, trials=run.size(10_000, 600), workers=run.size(256, 64), delay=EPOCH_SECONDS)
    size = f"{cost.segments:,} segments, {cost.epochs:,} epochs of {EPOCH_SECONDS:g} s"
    return (
        Sample([100 * cost.busy], note=f"{size}, measured in {cost.wall_seconds:.0f} s"),
        Sample([1e3 * cost.cpu_seconds / cost.trials], note=f"{cost.cpu_seconds:.0f} s in all"),
        Sample([cost.megabytes]),
        Sample([cost.store_megabytes]),
    )
