"""A plain training pipeline as ReID codes have it: Pillow decodes and resizes each image, numpy augments it.

Flip, pad and crop, random erasing, one float32 image (3, H, W) after another, stacked to a batch.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

__all__ = ["plain_batch"]

Floats = npt.NDArray[np.float32]
_PAD = 10
_FILL = np.array([123.675, 116.28, 103.53], dtype=np.float32)[:, None, None]


def plain_batch(paths: Sequence[Path], size: tuple[int, int], draw: random.Random) -> Floats:
    """Decoded, resized and augmented images (B, 3, H, W) in 0..255."""
    return np.stack([_image(path, size, draw) for path in paths])


def _image(path: Path, size: tuple[int, int], draw: random.Random) -> Floats:
    height, width = size
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    if draw.random() < 0.5:
        image = ImageOps.mirror(image)
    padded = ImageOps.expand(image, _PAD)
    left, top = draw.randint(0, 2 * _PAD), draw.randint(0, 2 * _PAD)
    pixels = np.asarray(padded.crop((left, top, left + width, top + height)), dtype=np.float32)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    if draw.random() < 0.5:
        _erase(planes, draw)
    return planes


def _erase(planes: Floats, draw: random.Random) -> None:
    _, height, width = planes.shape
    for _ in range(100):
        area = draw.uniform(0.02, 0.4) * height * width
        ratio = draw.uniform(0.3, 3.33)
        tall, wide = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if tall < height and wide < width:
            top, left = draw.randint(0, height - tall), draw.randint(0, width - wide)
            planes[:, top : top + tall, left : left + wide] = _FILL
            return
