"""A trial that pauses after every epoch, as if it were always asked to."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

from orchestrator.trial.protocol import Completed, Outcome, Paused, SegmentContext, SegmentSpec
from trials.curves import CurveTrial


class PausingTrial(CurveTrial):
    """One epoch a segment. The process of every TEST.KILL_EVERYth segment is killed."""

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        every = int(str(spec.config.get("TEST.KILL_EVERY", 0)))
        if every and spec.segment % every == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = super().run(replace(spec, to_epoch=spec.from_epoch + 1), context)
        if isinstance(outcome, Completed) and outcome.checkpoint.epoch < spec.to_epoch:
            return Paused(outcome.checkpoint)
        return outcome
