"""The pixels of some records: rows of a larger array that several sets of records share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_core.data.records import Indices
from reid_core.data.sources import Pixels, Size

__all__ = ["ImageArray"]


@dataclass(frozen=True, slots=True)
class ImageArray:
    """Images `rows` (N,) of `pixels` (M, H, W, 3), which may be a read-only memory map larger than the memory."""

    pixels: Pixels
    rows: Indices

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.pixels.shape[1], self.pixels.shape[2]

    def take(self, indices: Indices) -> Pixels:
        """A copy (B, H, W, 3) of the images at `indices` (B,) in 0..N-1."""
        return np.take(self.pixels, self.rows[indices], axis=0)

    def subset(self, indices: Indices) -> ImageArray:
        """The images at `indices`, sharing the pixels."""
        return ImageArray(self.pixels, self.rows[indices])
