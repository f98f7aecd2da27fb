"""Training in several processes on one machine: this process leads, the others run `python -m` this module.

Each of the others gets its part as one line of JSON, sets a key in the store when it is ready, and ends with its
leader: it watches its standard input, which closes when the leader dies, however it dies.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

import torch
from torch import distributed
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]  # torch does not list them

from reid_core.config import Config, Values, from_values, to_values
from reid_core.engine.compute import Compute, cpu_threads, memory_errors
from reid_core.engine.crew import Crew
from reid_core.engine.run import Hooks, Run
from reid_core.errors import ReidTuneError, UsageError
from reid_core.results import CheckpointFile, Fork, Protocol, TrainResult

__all__ = ["Plan", "train_together"]

_LOOPBACK = "127.0.0.1"
_PATIENCE = timedelta(days=7)
"""How long processes wait for each other: the leader may measure a large gallery while the others wait."""
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


def train_together(plan: Plan, processes: int, hooks: Hooks) -> TrainResult:
    """Train `plan` in `processes` processes, this one included, which speaks through `hooks`.

    Raises what Run raises; ReidTuneError, naming the process and its last words, when another one fails; UsageError
    in a process that belongs to a process group already.
    """
    if distributed.is_initialized():
        raise UsageError("this process is part of a torch process group already", hint="train with one process in it")
    crew = Crew(0, processes)
    run = plan.run(crew, hooks)  # faults of configuration, data and checkpoint end it here; the image cache is built
    store = TCPStore(_LOOPBACK, 0, is_master=True, wait_for_workers=False)
    with tempfile.TemporaryDirectory(prefix="reid-together-") as folder:
        others = [_Other(plan, Crew(rank, processes), store.port, Path(folder)) for rank in range(1, processes)]
        patience = 0.0
        try:
            _await(others, store)
            with _group(plan, crew, store):
                result = run.to(plan.last)
            patience = _END_SECONDS
        except RuntimeError as error:
            failed = next((other for other in others if other.failed(patience=1.0)), None)
            if failed is None:
                raise
            raise failed.error() from error
        finally:
            for other in others:
                other.end(patience=patience)
    return result


class _Other:
    """One of the other processes, seen from the leader."""

    def __init__(self, plan: Plan, crew: Crew, port: int, folder: Path) -> None:
        self._crew = crew
        self._words = folder / f"process-{crew.rank}.txt"
        with self._words.open("wb") as words:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and this module
                [sys.executable, "-m", __spec__.name],
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        task = {"plan": asdict(plan), "rank": crew.rank, "count": crew.count, "port": port}
        self._pipe.write(json.dumps(task).encode() + b"\n")
        self._pipe.flush()

    @property
    def _pipe(self) -> IO[bytes]:
        if self._process.stdin is None:
            raise RuntimeError("the process was started without a pipe")
        return self._process.stdin

    @property
    def key(self) -> str:
        """What it sets in the store when it is ready."""
        return f"ready/{self._crew.rank}"

    def failed(self, *, patience: float = 0.0) -> bool:
        """Whether it ended with an error, now or within `patience` seconds."""
        try:
            return self._process.wait(patience) != 0
        except subprocess.TimeoutExpired:
            return False

    def error(self) -> ReidTuneError:
        """What became of it, with its last words."""
        code = self._process.returncode
        how = f"was ended by signal {-code}" if code < 0 else "failed"
        lines = [line for line in self._words.read_text(errors="replace").splitlines() if line.strip()]
        said = f": {lines[-1]}" if lines else ""
        killed = (
            "out of memory? lower SOLVER.IMS_PER_BATCH or raise SOLVER.ACCUMULATE" if code == -signal.SIGKILL else ""
        )
        return ReidTuneError(f"training process {self._crew.rank + 1} of {self._crew.count} {how}{said}", hint=killed)

    def end(self, *, patience: float) -> None:
        """Give it `patience` seconds to end by itself, then end it."""
        self.failed(patience=patience)
        self._pipe.close()  # it watches this
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _await(others: list[_Other], store: Store) -> None:
    began = time.monotonic()
    while not store.check([other.key for other in others]):
        failed = next((other for other in others if other.failed()), None)
        if failed is not None:
            raise failed.error()
        if time.monotonic() - began > _READY_SECONDS:
            raise ReidTuneError(f"the other training processes were not ready after {_READY_SECONDS:g} seconds")
        time.sleep(_POLL_SECONDS)


@contextmanager
def _group(plan: Plan, crew: Crew, store: Store) -> Iterator[None]:
    """Inside, the processes are a process group: on GPUs through NCCL, on CPUs through gloo over loopback."""
    device = Compute.of(from_values(plan.values), rank=crew.rank, count=crew.count).device
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _over_loopback():
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


@contextmanager
def _over_loopback() -> Iterator[None]:
    """Gloo asks for the host's own name otherwise, which not every container can resolve."""
    name = "GLOO_SOCKET_IFNAME"
    loopback = next((one for _, one in socket.if_nameindex() if one in {"lo", "lo0"}), None)
    if name in os.environ or loopback is None:
        yield
        return
    os.environ[name] = loopback
    try:
        yield
    finally:
        del os.environ[name]


def main() -> None:
    """Be one of the other processes: read the part from standard input and train it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the leader decides when to stop
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_leader, daemon=True).start()
    plan, crew = Plan(**task["plan"]), Crew(task["rank"], task["count"])
    store = TCPStore(_LOOPBACK, task["port"])
    silent: Callable[[object], None] = lambda _: None  # noqa: E731 - three times nothing
    with cpu_threads(plan.threads), memory_errors():
        run = plan.run(crew, Hooks(silent, lambda: False, silent))
        store.set(f"ready/{crew.rank}", "")
        with _group(plan, crew, store):
            run.to(plan.last)


def _end_with_leader() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
