"""A trial that takes much memory in pieces, and keeps a little between the pieces."""

from __future__ import annotations

import numpy as np

from orchestrator.trial.protocol import CheckpointRef, Completed, Outcome, SegmentContext, SegmentSpec

_KEPT: list[np.ndarray] = []
PIECES, NUMBERS = 300, 100_000


class GreedyTrial:
    """Takes 240 MB and frees it; what it keeps in between hinders the C library from returning it by itself."""

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        del context
        for _ in range(2):  # freed once, pieces of this size come from the heap
            pieces = []
            for _ in range(PIECES):
                pieces.append(np.ones(NUMBERS))
                _KEPT.append(np.ones(32))
        pieces.clear()
        return Completed(CheckpointRef("none", spec.to_epoch, ""))
