"""A trial that needs memory in proportion to its micro-batches, and one that a GPU has no room for."""

from __future__ import annotations

import numpy as np

from orchestrator.trial.protocol import Outcome, SegmentContext, SegmentSpec
from trials.curves import CurveTrial


class HungryTrial(CurveTrial):
    """Fills TEST.GIB GiB, divided by the micro-batches, before its curve begins."""

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        needed = float(str(spec.config["TEST.GIB"])) * 2**30 / spec.micro_batches
        held = np.ones(int(needed) // 8)
        context.log(f"holds {held.nbytes} bytes in {spec.micro_batches} micro-batches")
        del held
        return super().run(spec, context)


class CudaTrial(CurveTrial):
    """Raises what torch raises on a GPU after its second epoch, until it has TEST.PARTS micro-batches."""

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        import torch

        if spec.micro_batches < int(str(spec.config["TEST.PARTS"])):
            if spec.from_epoch == 0:
                super().run(_until_two(spec), context)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nmore")
        return super().run(spec, context)


def _until_two(spec: SegmentSpec) -> SegmentSpec:
    from dataclasses import replace

    return replace(spec, to_epoch=2)
