"""A trial that reports its seed and its row: what a grid gives each of its repetitions."""

from __future__ import annotations

from pathlib import Path

from orchestrator.trial.protocol import CheckpointRef, Completed, Outcome, Paused, SegmentContext, SegmentSpec

__all__ = ["SeedTrial"]


class SeedTrial:
    """mAP is the seed / 100 + the key A / 10 + the epoch / 1000."""

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        newest = spec.checkpoint
        for epoch in range((newest.epoch if newest else 0) + 1, spec.to_epoch + 1):
            path = Path(spec.directory) / f"epoch-{epoch}.json"
            path.write_text(str(epoch))
            newest = CheckpointRef(str(path), epoch, "0" * 64)
            context.save(newest)
            value = spec.seed / 100 + float(str(spec.config["A"])) / 10 + epoch / 1000
            context.report(epoch, {"mAP": value, "test": float(spec.protocol.value == "test")})
            if context.should_stop():
                return Paused(newest)
        assert newest is not None
        return Completed(newest)
