"""An embedder out of a checkpoint, computed by torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from reid_core.config import Values, from_values, to_values
from reid_core.data.loader import EvalBatch
from reid_core.data.sources import Pixels
from reid_core.data.transforms import planes
from reid_core.embedder import Embedder, Rows
from reid_core.engine.compute import Compute, cpu_threads, memory_errors
from reid_core.engine.contents import checkpoint_summary
from reid_core.engine.embedding import embeddings
from reid_core.engine.inference import load_model
from reid_core.engine.measuring import finite
from reid_core.evaluation import unit_rows
from reid_core.export.provenance import card_of_checkpoint
from reid_core.modeling.fusion import fuse

__all__ = ["CheckpointEmbedder"]

_BATCH = defaultdict(lambda: 64, cuda=512)
"""Images at once, by device: enough to keep it busy."""


class CheckpointEmbedder(Embedder):
    """The model of a checkpoint under the conditions that it was measured in: flip, scales, mixed precision.

    Cameras are not known to it: a backbone that embeds them sees none.
    """

    def __init__(
        self, path: Path, *, device: str = "auto", threads: int | None = None, settings: Values | None = None
    ) -> None:
        """`settings` go over the checkpoint's configuration."""
        own = to_values(checkpoint_summary(path).config)
        self.config = from_values({**own, "MODEL.DEVICE": device, **(settings or {})})
        self.compute = Compute.of(self.config)
        self.model, self._state = load_model(self.config, path, self.compute)
        fuse(self.model.eval())
        test = self.config.test
        card = card_of_checkpoint(path, self.model.embedding_dim, trained_with=self._state.versions)
        card = card.model_copy(update={"flip": test.flip.enabled, "scales": test.scales})
        super().__init__(card, batch=_BATCH[self.compute.device.type], threads=threads)

    def _embed(self, pixels: Pixels) -> Rows:
        batch = EvalBatch(torch.from_numpy(planes(pixels)))
        test = self.config.test
        with cpu_threads(self.threads), memory_errors(), _gpu_memory_errors():
            rows = embeddings(self.model, [batch], self.compute, flip=test.flip.enabled, scales=test.scales)
        found: Rows = unit_rows(finite(rows, self._state.epoch)).astype(np.float32, copy=False)
        return found


@contextmanager
def _gpu_memory_errors() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise MemoryError(str(error)) from error
