"""What a segment uses of its machine: processors, memory and GPUs of its process and of all that it started.

Sampled every few seconds in a thread of its own and averaged over each epoch; kept with the epoch's metrics.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

import psutil

from orchestrator.backends.tree import family

__all__ = ["USAGE", "Usage"]

USAGE = ("cpu", "memory_gb", "gpu", "gpu_memory_gb")
"""Cores in use, resident GiB, share of the time that its GPUs compute (0 to 1, their mean), GiB taken on all."""

_GIB = 2**30
_SECONDS = 2.0


class Usage:
    """Samples this process tree and its `gpus` while the block runs; `take` gives the averages since the last `take`.

    Processes of other nodes are not seen. Epochs shorter than the time between two samples have none of their own:
    they are told nothing.
    """

    def __init__(self, seconds: float = _SECONDS, gpus: int = 1) -> None:
        self._seconds, self._gpus = seconds, gpus
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="usage", daemon=True)
        self._busy: dict[int, float] = {}
        self._sums: dict[str, float] = {}
        self._samples = 0
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._busy = _tree()[0]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def take(self) -> dict[str, float]:
        """The averages by the names of USAGE; empty before the first sample. GPU values only where one is used."""
        with self._lock:
            means = {name: round(total / self._samples, 4) for name, total in self._sums.items() if self._samples}
            self._sums, self._samples = {}, 0
        return means

    def _work(self) -> None:
        while not self._ended.wait(self._seconds):
            with contextlib.suppress(psutil.Error, OSError):
                self._sample()

    def _sample(self) -> None:
        now = time.monotonic()
        busy, resident = _tree()
        spent = sum(max(0.0, seconds - self._busy.get(pid, 0.0)) for pid, seconds in busy.items())
        values = {"cpu": spent / max(now - self._last, 1e-3), "memory_gb": resident / _GIB, **_used_of(self._gpus)}
        self._busy, self._last = busy, now
        with self._lock:
            for name, value in values.items():
                self._sums[name] = self._sums.get(name, 0.0) + value
            self._samples += 1


def _tree() -> tuple[dict[int, float], int]:
    """CPU seconds by process, and bytes resident, of this process and its descendants."""
    busy: dict[int, float] = {}
    resident = 0
    for pid in family(os.getpid()):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            times = process.cpu_times()
            busy[pid] = times.user + times.system
            resident += process.memory_info().rss
    return busy, resident


def _used_of(gpus: int) -> dict[str, float]:
    """Of the GPUs that this process and its ranks train on: in use, GiB taken, by anyone. Empty where it uses none.

    All but this process's own memory needs NVIDIA's library for watching, which is not everywhere.
    """
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "cuda"):  # another thread may be in the middle of importing it
        return {}
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    own = torch.cuda.current_device()
    ranks = {own, *range(min(gpus, torch.cuda.device_count()))} if gpus > 1 else {own}
    free, total = torch.cuda.mem_get_info()
    taken, values = total - free, {}
    with contextlib.suppress(Exception):
        values["gpu"] = sum(torch.cuda.utilization(device) for device in ranks) / len(ranks) / 100
        taken += sum(torch.cuda.device_memory_used(device) for device in ranks - {own})  # asks without a context there
    return {**values, "gpu_memory_gb": taken / _GIB}
