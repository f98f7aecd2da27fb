"""A trial that a bad node fails: CurveTrial, but on the node named by TEST.BAD_NODE there are device errors."""

from __future__ import annotations

import os

from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed, Outcome, SegmentContext, SegmentSpec
from trials.curves import CurveTrial


class NodeTrial(CurveTrial):
    """See the module."""

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        if os.environ.get("REID_TUNE_NODE") == spec.config.get("TEST.BAD_NODE"):
            return Failed(FailureKind.NODE, "CUDA error: uncorrectable ECC error encountered", retryable=True)
        return super().run(spec, context)
