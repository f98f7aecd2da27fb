"""Runs one segment here and now: what every backend does at its far end."""

from __future__ import annotations

import importlib
import math
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

import psutil

from orchestrator.backends.memory import give_back, memory_failure
from orchestrator.backends.output import flush
from orchestrator.backends.protocol import Beat, Ended, Message, Reported, Saved, Sink
from orchestrator.backends.usage import Usage
from orchestrator.trial.files import disk_is_full
from orchestrator.trial.kept_logs import KeptLogs, logs_of
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.lasting import run_lasting
from orchestrator.trial.protocol import (
    CheckpointRef,
    Completed,
    Failed,
    Infeasible,
    Outcome,
    Paused,
    SegmentSpec,
    Trial,
)

__all__ = ["REID_TRIAL", "Asked", "Asking", "failure_of_error", "load_trial", "run_segment", "worker_name"]

REID_TRIAL = "orchestrator.trial.reid:ReidTrial"
"""The trial that production runs; tests name others by import path."""

BEAT_SECONDS = 5.0
"""A segment that makes progress is heard of at least, and if it has nothing else to say at most, so often."""

_LONG, _LARGE = 1.0, 32e6
"""Seconds or bytes worth tidying up after: collecting walks through every object, which takes a fifth of a second."""


def load_trial(path: str) -> Trial:
    """The trial named `package.module:Class`, constructed without arguments."""
    module, _, name = path.partition(":")
    trial: Trial = getattr(importlib.import_module(module), name)()
    return trial


def worker_name() -> str:
    """`host:pid` of this process. REID_TUNE_NODE names the node where hosts' own names are not unlike each other."""
    return f"{os.environ.get('REID_TUNE_NODE') or socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Asking:
    """How a segment learns what is asked of it: to `stop` after its epoch, to `leave` within it."""

    stop: Callable[[], bool]
    leave: Callable[[], bool] = lambda: False


class Asked:
    """Which segments were asked to pause, and which of them within their epoch; one thread tells, another asks."""

    def __init__(self) -> None:
        self._stopping: set[int] = set()
        self._leaving: set[int] = set()

    def stop(self, segment: int, *, within: bool) -> None:
        """Ask the segment to pause at the end of its epoch, or `within` it."""
        if within:
            self._leaving.add(segment)
        self._stopping.add(segment)

    def of(self, segment: int) -> Asking:
        """What is asked of the segment, whenever it looks."""
        return Asking(partial(self._stopping.__contains__, segment), partial(self._leaving.__contains__, segment))

    def forget(self, segment: int) -> None:
        """The segment is over."""
        self._stopping.discard(segment)
        self._leaving.discard(segment)


class _Context:
    """SegmentContext that turns calls into messages and log lines into the trial's file.

    Every call is a sign of life.
    """

    def __init__(self, spec: SegmentSpec, sink: Sink, ask: Asking, log: TextIO, usage: Usage) -> None:
        self._spec, self._sink, self._ask, self._log, self._usage = spec, sink, ask, log, usage
        self._told = -BEAT_SECONDS

    def report(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._say(Reported(self._spec.segment, epoch, {**self._usage.take(), **metrics}))

    def save(self, checkpoint: CheckpointRef) -> None:
        self._say(Saved(self._spec.segment, checkpoint))

    def should_stop(self) -> bool:
        self._beat()
        return self._ask.stop()

    def should_leave(self) -> bool:
        return self._ask.leave()

    def _say(self, message: Message) -> None:
        self._told = time.monotonic()
        self._sink(message)

    def _beat(self) -> None:
        if time.monotonic() - self._told >= BEAT_SECONDS:
            self._say(Beat(self._spec.segment))

    def log(self, line: str) -> None:
        self._beat()
        self._log.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        self._log.flush()


def run_segment(trial: Trial, spec: SegmentSpec, sink: Sink, ask: Asking) -> None:
    """Run `spec` to its end; `sink` gets its messages, the last one `Ended`. A crash becomes `Failed(bug)`."""
    started, before = time.monotonic(), _resident()
    directory = Path(spec.directory)
    outcome: Outcome
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _keeping(spec, directory), (directory / "trial.log").open("a", encoding="utf-8") as log:
            usage = Usage(gpus=math.ceil(spec.resources.gpus / spec.resources.nodes))
            context = _Context(spec, sink, ask, log, usage)
            context.log(f"segment {spec.segment}: epochs {spec.from_epoch + 1} to {spec.to_epoch} on {worker_name()}")
            outcome = _guarded(trial, spec, context, usage)
            context.log(f"segment {spec.segment}: {_told(outcome)}")
            flush()
    except OSError as error:
        outcome = failure_of_error(error, directory)
    seconds = time.monotonic() - started
    short = isinstance(outcome, Failed) and outcome.kind is FailureKind.OUT_OF_MEMORY
    if short or seconds >= _LONG or _resident() - before >= _LARGE:
        give_back()
    sink(Ended(spec.segment, outcome, seconds, worker_name()))


def _keeping(spec: SegmentSpec, directory: Path) -> AbstractContextManager[object]:
    """Logs are kept where checkpoints are."""
    return KeptLogs(logs_of(spec.vault), directory, spec.segment) if spec.vault else nullcontext()


def failure_of_error(error: Exception, directory: Path) -> Failed:
    """What a segment that works in `directory` ends with when `error` was raised in it, or before it could begin."""
    short = memory_failure(error)
    if short is not None:
        return short
    if not isinstance(error, OSError):
        return Failed(FailureKind.BUG, f"{type(error).__name__}: {error}", retryable=False)
    if disk_is_full(error):
        return Failed(FailureKind.NODE, f"the disk of this node is full: {error}", retryable=True)
    own = isinstance(error.filename, str) and Path(error.filename).is_relative_to(directory)
    message = f"cannot use {directory}: {error}" if own else f"{type(error).__name__}: {error}"
    return Failed(FailureKind.DATA, message, retryable=True)


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(psutil.Process().memory_info().rss)


def _told(outcome: Outcome) -> str:
    match outcome:
        case Completed():
            return "completed"
        case Paused():
            return "paused"
        case Infeasible(reason=reason):
            return f"infeasible: {reason}"
        case Failed(kind=kind, message=message):
            return f"failed ({kind.value}): {message}"


def _guarded(trial: Trial, spec: SegmentSpec, context: _Context, usage: Usage) -> Outcome:
    try:
        with usage:
            return run_lasting(trial, spec, context)
    except Exception as error:
        if isinstance(error, OSError) and memory_failure(error) is None:
            raise
        context.log(traceback.format_exc())
        return failure_of_error(error, Path(spec.directory))
