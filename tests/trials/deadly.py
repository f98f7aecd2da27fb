"""A trial that kills its process: with the inline backend the controller dies with it."""

from __future__ import annotations

import os
import signal

from orchestrator.trial.protocol import Outcome, SegmentContext, SegmentSpec

__all__ = ["DeadlyTrial"]


class DeadlyTrial:
    """Ends its process before the first epoch, as a crash of a driver does."""

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        del spec, context
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")
