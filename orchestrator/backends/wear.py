"""When a worker process is of no more use, and another takes its place."""

from __future__ import annotations

from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed, Outcome

__all__ = ["MAX_SEGMENTS_PER_PROCESS", "spoilt"]

MAX_SEGMENTS_PER_PROCESS = 50
"""A worker process is replaced after so many segments, so that a slow leak never grows old."""

_BROKEN_CONTEXT = ("cuda error", "cudnn error")


def spoilt(outcome: Outcome) -> bool:
    """Whether the process that ran a segment with this end is not to run another.

    CUDA takes nothing more from a process whose device failed or whose kernel hit an assertion, the trial's own mistake
    included; one of several nodes that is gone does not come back.
    """
    if not isinstance(outcome, Failed):
        return False
    said = outcome.message.lower()
    broken = outcome.kind is FailureKind.BUG and any(words in said for words in _BROKEN_CONTEXT)
    return broken or outcome.kind in {FailureKind.NODE, FailureKind.LOST}
