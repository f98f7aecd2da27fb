"""The network that is written to a file: pixels in, embeddings of unit length out, everything else inside."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from reid_core.config import Config
from reid_core.engine.compute import Compute
from reid_core.engine.inference import load_model
from reid_core.modeling import Architecture
from reid_core.modeling.fusion import fuse

__all__ = ["Exportable", "exportable"]


class Exportable(nn.Module):
    """Images (B, 3, H, W) -> embeddings (B, D), float32, rows of unit length.

    RGB bytes of 0..255, which are normalised inside; or, `inside` being False, floats that are normalised already.
    `flip` adds the embedding of the mirror image. Takes `model` for itself: it is in its form for inference.
    """

    def __init__(self, model: Architecture, *, inside: bool = True, flip: bool = False) -> None:
        super().__init__()
        fuse(model.eval())
        if not inside:
            model.normalise = _as_it_is  # type: ignore[method-assign]  # for good: the model is this module's own
        self.model = model
        self.inside = inside
        self.flip = flip
        self.eval()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """See the class."""
        rows = self.model(images)
        if self.flip:
            rows = rows + self.model(images.flip(3))
        return functional.normalize(rows)

    def example(self, size: tuple[int, int], count: int = 2) -> torch.Tensor:
        """Images of the kind that it takes, with a fixed seed."""
        generator = torch.Generator().manual_seed(0)
        if self.inside:
            return torch.randint(256, (count, 3, *size), dtype=torch.uint8, generator=generator)
        return torch.randn(count, 3, *size, generator=generator)


def exportable(path: Path, config: Config, *, inside: bool = True, flip: bool = False) -> Exportable:
    """The model of a checkpoint, on the CPU, as it is written to files. Raises CheckpointError."""
    model, _ = load_model(config, path, Compute(torch.device("cpu")))
    model = model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch leaves it out
    return Exportable(model, inside=inside, flip=flip)


def _as_it_is(images: torch.Tensor) -> torch.Tensor:
    return images
