"""The event log at 10,000 trials: writing one more epoch, and coming back after a crash; SQLite and PostgreSQL."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from perf_rows import Row, Run, Sample, at_most, benchmark, peak_megabytes, seconds

if TYPE_CHECKING:
    from perf_study import Writer

    from orchestrator.store import SqlStore


@benchmark(Row("report at 10,000 trials", "ms", at_most(2), "Optuna's report to SQLite, one trial known"))
def report(run: Run) -> Sample:
    """Checkpoint and epoch of a running trial: one transaction on disk, folded into the state."""
    from perf_study import Writer, grown_store

    begun = run.size(10_000, 1_000)
    writer = Writer(begun + 100, begun)
    store, token = grown_store(run.folder / "studies.db", writer, began=time.time() - 3600, lease=86_400)
    times = _reports(store, token, writer, begun, run.size(300, 50))
    store.close()
    return Sample(times, _optuna(run), _spread(times))


def _spread(times: list[float]) -> str:
    return f"median of {len(times)}, p95 {sorted(times)[int(0.95 * len(times))]:.2g} ms"


def _reports(store: SqlStore, token: int, writer: Writer, begun: int, count: int) -> list[float]:
    """Milliseconds of each of `count` epochs of one more trial."""
    from perf_study import STUDY

    from orchestrator.events import CheckpointSaved, EpochReported, Event, Origin, SegmentStarted, TrialSuggested, fold

    trial, segment = begun + 1, writer.segments + 1
    values = writer.values(trial)
    place = {"bracket": 0, "to_epoch": 60}
    opening: list[Event] = [
        TrialSuggested(trial=trial, values=values, origin=Origin.RANDOM, reason="drawn uniformly", **place),
        SegmentStarted(segment=segment, trial=trial, from_epoch=0, to_epoch=1_000),
    ]
    store.append(STUDY, opening, token=token, at=time.time())
    state = fold(store.events(STUDY))
    curve = writer.curve(values)
    times: list[float] = []
    for epoch in range(1, count + 1):
        events: list[Event] = [
            CheckpointSaved(trial=trial, segment=segment, epoch=epoch, path="epoch.pt", sha256="0" * 64),
            EpochReported(trial=trial, segment=segment, epoch=epoch, metrics=curve.at(epoch)),
        ]
        began = time.perf_counter()
        for logged in store.append(STUDY, events, token=token, at=time.time()):
            state.apply(logged)
        times.append(1e3 * (time.perf_counter() - began))
    return times


@benchmark(
    Row("report at 10,000 trials, PostgreSQL", "ms", peer="the same on SQLite"),
    Row("resume of 10,000 trials, 1,000,000 metric points, PostgreSQL", "s", peer="the same on SQLite"),
    slow=True,
)
def postgres(run: Run) -> tuple[Sample, Sample]:
    """The same study in a server on this machine that flushes every commit to the disk."""
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    from perf_study import Writer, grown_store
    from postgres_server import server_programs, started

    if server_programs() is None:
        missing = Sample((), missing="PostgreSQL's server programs are not installed")
        return missing, missing
    begun = run.size(10_000, 1_000)
    reports: list[list[float]] = []
    resumes: list[list[float]] = []
    for server in started(settings=("-c", "fsync=on")):
        for address in (server.url(), str(run.folder / "studies.db")):
            writer = Writer(begun + 100, begun)
            store, token = grown_store(address, writer, began=time.time() - 3600, lease=86_400)
            reports.append(_reports(store, token, writer, begun, run.size(300, 50)))
            store.close()
            resumes.append([_resume(address) for _ in range(run.size(3, 1))])
    return Sample(reports[0], reports[1], _spread(reports[0])), Sample(resumes[0], resumes[1])


def _resume(address: str) -> float:
    from perf_study import STUDY

    from orchestrator.events import fold
    from orchestrator.store import open_store

    began = time.perf_counter()
    store = open_store(address)
    fold(store.events(STUDY))
    took = time.perf_counter() - began
    store.close()
    return took


def _optuna(run: Run) -> list[float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=f"sqlite:///{run.folder / 'optuna.db'}")
    trial = study.ask()
    steps = range(run.size(60, 10))
    return [1e3 * seconds(lambda step=step: trial.report(0.5, step)) for step in steps]  # type: ignore[misc]


@benchmark(
    Row("resume of 10,000 trials, 1,000,000 metric points", "s", at_most(3)),
    Row("peak memory of that resume", "MB"),
)
def resume(run: Run) -> tuple[Sample, Sample]:
    """Open the store, read the whole log, fold it: what a controller does before its first decision.

    The study is written by a child, so that its memory is not counted here. A point is one value of one metric.
    """
    import multiprocessing

    path = run.folder / "studies.db"
    child = multiprocessing.get_context("spawn").Process(target=_write, args=(str(path), run.size(10_000, 1_000)))
    child.start()
    child.join()
    if child.exitcode != 0:
        raise RuntimeError(f"the study was not written (exit {child.exitcode})")
    from perf_study import METRICS, STUDY

    from orchestrator.events import StudyState, fold
    from orchestrator.store import open_store

    times: list[float] = []
    points = peak = 0.0
    for _ in range(run.size(3, 1)):
        state = StudyState()
        began = time.perf_counter()
        store = open_store(path)
        fold(store.events(STUDY), state)
        times.append(time.perf_counter() - began)
        store.close()
        points = METRICS * state.epochs_spent
        peak = peak or peak_megabytes()
    note = f"{points:,.0f} points in {state.epochs_spent:,} epochs, {state.seq:,} events"
    return Sample(times, note=note), Sample([peak], note="the same study, read once")


def _write(path: str, trials: int) -> None:
    from pathlib import Path

    from perf_study import Writer, grown_store

    grown_store(Path(path), Writer(trials, trials), began=time.time() - 3600)[0].close()
