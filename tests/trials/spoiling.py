"""A trial that leaves its process of no more use, as an assertion on a GPU does."""

from __future__ import annotations

import hashlib
from pathlib import Path

from orchestrator.trial.protocol import CheckpointRef, Completed, Outcome, SegmentContext, SegmentSpec

__all__ = ["SpoilingTrial"]


class SpoilingTrial:
    """Once its device has failed, all that comes after fails in this process; TEST.ASSERT makes it fail."""

    _broken = False

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        del context
        if self._broken or spec.config.get("TEST.ASSERT"):
            self._broken = True
            raise RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later")
        path = Path(spec.directory) / "last.bin"
        path.write_bytes(b"")
        return Completed(CheckpointRef(str(path), spec.to_epoch, hashlib.sha256(b"").hexdigest()))
