"""Runs benchmarks, each in a fresh process with one compute thread, and turns their samples into results.

A fresh process makes peak memory the benchmark's own, and a crash or a hang the loss of its rows only.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from perf_rows import Benchmark, Row, Run, Sample, registered

__all__ = ["Outcome", "Result", "as_json", "discover", "measure_here", "pick", "run"]

ROOT = Path(__file__).resolve().parents[2]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_LAST_LINES = 3


class Outcome(StrEnum):
    """Whether there is a number."""

    MEASURED = "measured"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """A row with what was measured. `ratio` is value / peer; with paired samples the median of the pairs' ratios."""

    row: Row
    outcome: Outcome
    value: float | None = None
    peer: float | None = None
    ratio: float | None = None
    note: str = ""
    judged: bool = True

    @property
    def holds(self) -> bool | None:
        """Whether the budget holds. A failed row does not hold; None: no budget, no number, or reduced sizes."""
        if self.outcome is Outcome.FAILED:
            return False
        if self.row.budget is None or self.value is None or not self.judged:
            return None
        return self.row.budget.holds(self.value, self.ratio)


def as_json(result: Result) -> dict[str, str | float | bool | None]:
    """One entry of build/bench.json."""
    budget = None if result.row.budget is None else str(result.row.budget)
    return {
        "name": result.row.name,
        "value": result.value,
        "unit": result.row.unit,
        "budget": budget,
        "peer": result.peer,
        "ratio": result.ratio,
        "holds": result.holds,
    }


def discover(folder: Path) -> list[Benchmark]:
    """Import every bench_*.py of `folder`, by name, and return what they register."""
    sys.path.insert(0, str(folder))
    for path in sorted(folder.glob("bench_*.py")):
        importlib.import_module(path.stem)
    return registered()


def pick(entries: Iterable[Benchmark], wanted: Callable[[str], bool] | None, *, slow: bool) -> list[Benchmark | Result]:
    """Entries with a wanted row. Slow ones are skipped unless they are asked for by `slow` or by name."""
    picked: list[Benchmark | Result] = []
    for entry in entries:
        if wanted is not None and not any(wanted(row.name) for row in entry.rows):
            continue
        if entry.slow and not slow and wanted is None:
            picked += [Result(row, Outcome.SKIPPED, note="slow: run it with --slow or --only") for row in entry.rows]
        else:
            picked.append(entry)
    return picked


def run(entry: Benchmark, folder: Path, *, quick: bool) -> list[Result]:
    """Measure an entry of `folder` in a fresh process; whatever goes wrong becomes failed rows."""
    with tempfile.TemporaryDirectory(prefix="reid-bench-") as scratch:
        answer = Path(scratch) / "samples.json"
        home = Path(scratch) / "home"
        home.mkdir()
        main = [sys.executable, str(Path(__file__).with_name("bench.py")), "--folder", str(folder)]
        task = ["--measure", f"{entry.module}:{entry.function}", "--answer", str(answer)]
        problem = _call([*main, *task, *(["--quick"] if quick else [])], home, entry.timeout)
        if problem:
            return [Result(row, Outcome.FAILED, note=problem) for row in entry.rows]
        samples = [Sample(**entry) for entry in json.loads(answer.read_text())]
    if len(samples) != len(entry.rows):
        problem = f"{entry.function} gave {len(samples)} samples for {len(entry.rows)} rows"
        return [Result(row, Outcome.FAILED, note=problem) for row in entry.rows]
    return [_result(row, sample, quick=quick) for row, sample in zip(entry.rows, samples, strict=True)]


def measure_here(task: str, answer: Path, folder: Path, *, quick: bool) -> None:
    """The far end: call `module:function` of `folder` and write its samples down."""
    sys.path.insert(0, str(folder))
    module, _, name = task.partition(":")
    measured = getattr(importlib.import_module(module), name)(Run(Path(os.environ["REID_TUNE_HOME"]), quick))
    samples: Sequence[Sample] = measured if isinstance(measured, tuple) else (measured,)
    answer.write_text(json.dumps([asdict(sample) for sample in samples]))


def _call(command: list[str], home: Path, timeout: float) -> str:
    """Run a command with its own home; "" or what went wrong, in a line. Its children end with it."""
    paths = [str(ROOT / "tests"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    settings = {"REID_TUNE_HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    environment = {**os.environ, **_ONE_THREAD, **settings}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        child = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"did not end within {timeout:g} s"
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        said.seek(0)
        lines = [line.strip() for line in said if line.strip()]
    if code == 0:
        return ""
    return " / ".join(lines[-_LAST_LINES:]) if code > 0 and lines else f"ended with code {code}"


def _result(row: Row, sample: Sample, *, quick: bool) -> Result:
    if sample.missing:
        return Result(row, Outcome.SKIPPED, note=f"not measured: {sample.missing}")
    values, peers = list(sample.values), list(sample.peers)
    if not values or not all(map(math.isfinite, [*values, *peers])):
        return Result(row, Outcome.FAILED, note="no finite value was measured")
    value, peer, ratio = statistics.median(values), None, None
    if peers:
        peer = statistics.median(peers)
        paired = len(values) == len(peers) and all(peers)
        ratio = statistics.median(v / p for v, p in zip(values, peers, strict=True)) if paired else value / peer
    return Result(row, Outcome.MEASURED, value, peer, ratio, sample.note, judged=not quick)
