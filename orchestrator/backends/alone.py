"""Runs a segment in a process that runs one at a time: its output in files, its memory limited."""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator.backends.memory import limited
from orchestrator.backends.output import captured
from orchestrator.backends.protocol import Ended, Message, Sink
from orchestrator.backends.run_segment import Asking, failure_of_error, run_segment, worker_name
from orchestrator.trial.protocol import SegmentSpec, Trial

__all__ = ["run_alone"]


def run_alone(trial: Trial, spec: SegmentSpec, sink: Sink, ask: Asking, *, beside: int = 0) -> None:
    """As `run_segment`; `Ended` comes once the output is whole and the limit gone (`beside` is as in `limited`).

    What cannot be set up for it, a folder for its output say, ends the segment and not the process.
    """
    started = time.monotonic()
    ended: list[Ended] = []

    def later(message: Message) -> None:
        if isinstance(message, Ended):
            ended.append(message)
        else:
            sink(message)

    try:
        with captured(Path(spec.directory)), limited(spec.resources, beside=beside):
            run_segment(trial, spec, later, ask)
    except Exception as error:  # noqa: BLE001 - it is the segment's end
        failed = failure_of_error(error, Path(spec.directory))
        ended.append(Ended(spec.segment, failed, time.monotonic() - started, worker_name()))
    sink(ended[0])
