"""A trial that a bad node fails: CurveTrial, but on the node named by TEST.BAD_NODE there are device errors."""

from __future__ import annotations

import os
import time
from pathlib import Path

from orchestrator.control.nodes import PATIENCE
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed, Outcome, SegmentContext, SegmentSpec
from trials.curves import CurveTrial


class NodeTrial(CurveTrial):
    """See the module. Elsewhere it waits until TEST.FAILURES, a folder, tells of as many failures as set a node aside.

    A worker that failed for its node's sake begins anew, which takes seconds: the study could be over before.
    """

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        failures = Path(str(spec.config["TEST.FAILURES"]))
        if os.environ.get("REID_TUNE_NODE") != spec.config.get("TEST.BAD_NODE"):
            end = time.monotonic() + 120
            while len(list(failures.glob("*"))) < PATIENCE and time.monotonic() < end:
                context.should_stop()  # a sign of life
                time.sleep(0.1)
        else:
            failures.mkdir(exist_ok=True)
            (failures / str(spec.segment)).touch()
            return Failed(FailureKind.NODE, "CUDA error: uncorrectable ECC error encountered", retryable=True)
        return super().run(spec, context)
