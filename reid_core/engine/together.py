"""Training in several processes, on one machine or several: this one leads, the others run `python -m` this module.

Each of the others gets its part as one line of JSON, sets a key in the store when it is ready, and ends with its
leader: it watches its standard input, which closes when the leader dies, however it dies.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]  # torch does not list them

from reid_core.config import Config, Values, from_values, to_values
from reid_core.engine.compute import Compute, cpu_threads, memory_errors
from reid_core.engine.crew import Crew
from reid_core.engine.run import Hooks, Run
from reid_core.errors import ProcessLost, ReidTuneError, UsageError
from reid_core.ranks import HERE, Elsewhere, RankProcess, address_towards, ignore_stops, over_interface, start_here
from reid_core.results import CheckpointFile, Fork, Protocol, TrainResult

__all__ = ["Plan", "train_together"]

_ANY_PORT = 9
_PATIENCE = timedelta(days=7)
"""How long processes wait for each other: the leader may measure a large gallery while the others wait."""
_NAMED = re.compile(r"[A-Za-z_][\w.]*(: |$)")
_MEMORY = ("memoryerror", "outofmemory", "out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
_DEVICE = ("cuda", "cudnn", "cublas", "nccl", "nvlink", "ecc error")
"""What an exception is named, or says, that is for want of memory or comes from a GPU, in lower case."""
_CUT_OFF = (
    "connection closed by peer",
    "connection reset",
    "connection refused",
    "remote process exited",
    "broken pipe",
)
_READY_SECONDS, _END_SECONDS, _POLL_SECONDS = 600.0, 30.0, 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained, as plain values that fit through a pipe (see `reid_core.api.train`)."""

    values: Values
    directory: str
    protocol: str
    seed: int
    start: tuple[str, int, str] | None
    threads: int
    last: int
    forked: bool = False

    @classmethod
    def of(
        cls,
        config: Config,
        directory: Path,
        protocol: Protocol,
        *,
        seed: int,
        start: CheckpointFile | None,
        threads: int,
        last: int,
    ) -> Plan:
        """Take typed values apart."""
        place = None if start is None else (str(start.path), start.epoch, start.sha256)
        forked = isinstance(start, Fork)
        return cls(to_values(config), str(directory), protocol, seed, place, threads, last, forked)

    def run(self, crew: Crew, hooks: Hooks) -> Run:
        """This process's run, its data open and its checkpoint loaded."""
        kind = Fork if self.forked else CheckpointFile
        start = None if self.start is None else kind(Path(self.start[0]), self.start[1], self.start[2])
        return Run(
            from_values(self.values),
            Path(self.directory),
            Protocol(self.protocol),
            seed=self.seed,
            start=start,
            threads=self.threads,
            hooks=hooks,
            crew=crew,
        )


def train_together(plan: Plan, processes: int, hooks: Hooks, *, elsewhere: Elsewhere = HERE) -> TrainResult:
    """Train `plan` in `processes` processes, this one included, which speaks through `hooks`.

    They are spread evenly over this machine and the places that are `elsewhere`. Raises what Run
    raises; ReidTuneError, naming the process and its last words, when another one fails; UsageError in a process that
    belongs to a process group already, or when there are not equally many for each machine.
    """
    if distributed.is_initialized():
        raise UsageError("this process is part of a torch process group already", hint="train with one process in it")
    host, places = elsewhere.host, elsewhere.places
    crews = _crews(processes, 1 + len(places))
    run = plan.run(crews[0], hooks)  # faults of configuration, data, checkpoint end it here; the image cache is built
    store = TCPStore(host, 0, is_master=True, wait_for_workers=False)
    others: list[_Other] = []
    patience = 0.0
    try:
        for crew in crews[1:]:
            start = places[crew.rank // crew.here[1] - 1].start if crew.rank >= crew.here[1] else start_here
            task = {"plan": asdict(plan), "crew": asdict(crew), "host": host, "port": store.port}
            others.append(_started(crew, start, task))
        _await(others, store)
        with _group(plan, crews[0], store, host):
            result = run.to(plan.last)
        patience = _END_SECONDS
    except RuntimeError as error:
        failed = [other for other in others if other.failed(patience=1.0)]
        if not failed:
            raise
        cause = _cause(failed)
        if _cut_off(cause) and not _cut_off(error):
            raise  # the others only lost this process
        raise cause from error
    finally:
        for other in others:
            other.end(patience=patience)
    return result


def _crews(processes: int, machines: int) -> list[Crew]:
    """Every process's place, machine by machine."""
    if processes % machines:
        raise UsageError(
            f"{processes} processes do not spread evenly over {machines} machines",
            hint=f"take a multiple of {machines}",
        )
    each = processes // machines
    return [Crew(rank, processes, rank % each, each) for rank in range(processes)]


def _started(crew: Crew, start: Callable[[str], RankProcess], task: dict[str, Any]) -> _Other:
    try:
        return _Other(crew, start(json.dumps(task)))
    except RuntimeError as error:
        message = f"training process {crew.rank + 1} of {crew.count} cannot be started: {error}"
        raise ProcessLost(message) from error


class _Other:
    """One of the other processes, seen from the leader."""

    def __init__(self, crew: Crew, process: RankProcess) -> None:
        self._crew, self._process = crew, process

    @property
    def key(self) -> str:
        """What it sets in the store when it is ready."""
        return f"ready/{self._crew.rank}"

    def failed(self, *, patience: float = 0.0) -> bool:
        """Whether it ended with an error, now or within `patience` seconds."""
        return self._process.code(patience) not in {None, 0}

    def error(self) -> Exception:
        """What became of it, with its last words, as the kind of error that it would be in this process."""
        code = self._process.code(0.0) or 0
        how = f"was ended by signal {-code}" if code < 0 else "failed"
        words = _last_words(self._process.words())
        said = f": {words}" if words else ""
        killed = (
            "out of memory? lower SOLVER.IMS_PER_BATCH or raise SOLVER.ACCUMULATE" if code == -signal.SIGKILL else ""
        )
        message = f"training process {self._crew.rank + 1} of {self._crew.count} {how}{said}"
        if code >= 0 and not words.startswith("reid_core."):  # not one of the project's own
            if any(word in words.lower() for word in _MEMORY):
                return MemoryError(message)
            if any(word in words.lower() for word in _DEVICE):
                return RuntimeError(message)
        kind = ProcessLost if code < 0 else ReidTuneError
        return kind(message, hint=killed)

    def end(self, *, patience: float) -> None:
        """Give it `patience` seconds to end by itself, then end it."""
        self.failed(patience=patience)
        self._process.end()


def _last_words(printed: str) -> str:
    """The line that names the exception: torch and this project add advice below it. Without one, the last line."""
    lines = [line for line in printed.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if _NAMED.match(line)), lines[-1] if lines else "")


def _cause(failed: list[_Other]) -> Exception:
    """What the first to fail became: the others lose their connection to it, and say so or are aborted."""
    errors = [other.error() for other in failed]
    return min(errors, key=_telling)


def _telling(error: Exception) -> int:
    """How likely it is that the other errors come from this one, most likely first."""
    if _cut_off(error):
        return 3
    if isinstance(error, MemoryError) or f"signal {signal.SIGKILL.value}" in str(error):
        return 0
    return 2 if isinstance(error, ProcessLost) else 1


def _cut_off(error: Exception) -> bool:
    """Whether it says no more than that another process is gone."""
    return any(word in str(error).lower() for word in _CUT_OFF)


def _await(others: list[_Other], store: Store) -> None:
    began = time.monotonic()
    while not store.check([other.key for other in others]):
        failed = [other for other in others if other.failed()]
        if failed:
            raise _cause(failed)
        if time.monotonic() - began > _READY_SECONDS:
            raise ReidTuneError(f"the other training processes were not ready after {_READY_SECONDS:g} seconds")
        time.sleep(_POLL_SECONDS)


@contextmanager
def _group(plan: Plan, crew: Crew, store: Store, host: str) -> Iterator[None]:
    """Inside, the processes are a process group: on GPUs through NCCL, on CPUs through gloo, on the way to `host`."""
    rank, count = crew.here
    device = Compute.of(from_values(plan.values), rank=rank, count=count).device
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)
    with over_interface(address_towards(host, _ANY_PORT)):
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=store,
            rank=crew.rank,
            world_size=crew.count,
            timeout=_PATIENCE,
        )
    try:
        yield
    finally:
        distributed.destroy_process_group()


def main() -> None:
    """Be one of the other processes: read the part from standard input and train it."""
    ignore_stops()
    task: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_leader, daemon=True).start()
    plan, crew = Plan(**task["plan"]), Crew(**task["crew"])
    store = TCPStore(task["host"], task["port"])
    silent: Callable[[object], None] = lambda _: None  # noqa: E731 - three times nothing
    with cpu_threads(plan.threads), memory_errors():
        run = plan.run(crew, Hooks(silent, lambda: False, silent))
        store.set(f"ready/{crew.rank}", "")
        with _group(plan, crew, store, task["host"]):
            run.to(plan.last)


def _end_with_leader() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
