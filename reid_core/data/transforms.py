"""Augmentation of uint8 batches: whole pictures, then flip, pad and crop to planes in one pass, then rectangles.

Grey levels stay in 0..255: the model normalises with its pixel mean and deviation, so erased areas are filled with the
mean in grey levels, as in FastReID. Randomness belongs to (seed, epoch, sample, occurrence), see randomness.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image

from reid_core.data.images import ImageArray
from reid_core.data.patches import Cutout, GreyPatch, Planes, RandomPatch, cut_out, grey_patch, paste_patch
from reid_core.data.pictures import PictureStep
from reid_core.data.randomness import Draws, Purpose, between, sample_draws
from reid_core.data.records import Indices
from reid_core.data.sources import Pixels

__all__ = ["Augmentation", "Crop", "Erasing", "PadMode", "TrainTransform", "planes"]


class PadMode(StrEnum):
    """What surrounds an image before it is cropped again; names as numpy.pad has them."""

    CONSTANT = "constant"
    REFLECT = "reflect"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Crop:
    """Pad by `size` pixels on every side (constant: black), then crop the input size at a random place."""

    size: int = 10
    mode: PadMode = PadMode.CONSTANT


@dataclass(frozen=True, slots=True)
class Erasing:
    """Random erasing (Zhong et al. 2020): a rectangle of `area` (share of the image) and `ratio` (height / width).

    `value` is RGB in grey levels, rounded to whole ones. Area and ratio are uniform and drawn until the rectangle fits,
    as in FastReID and Bag of Tricks; an image for which ten draws do not fit (1 in 1e12 at 2:1) stays whole.
    """

    prob: float = 0.5
    value: tuple[float, float, float] = (123.675, 116.28, 103.53)
    area: tuple[float, float] = (0.02, 0.4)
    ratio: tuple[float, float] = (0.3, 3.33)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What training does to an image, in this order; a part that is None is left out."""

    pictures: tuple[PictureStep, ...] = ()
    flip_prob: float = 0.0
    crop: Crop | None = None
    erasing: Erasing | None = None
    patch: RandomPatch | None = None
    grey_patch: GreyPatch | None = None
    cutout: Cutout | None = None


_ERASE_DRAWS = 10
# Columns of the random numbers of a sample. They are fixed: switching one part off changes no other.
_FLIP, _TOP, _LEFT, _ERASE, _ERASE_TOP, _ERASE_LEFT, _SHAPES = range(7)
_COLUMNS = _SHAPES + 2 * _ERASE_DRAWS


class TrainTransform:
    """Applies an Augmentation to batches, seeded by `seed`; `donors` are the images that patches are taken from."""

    def __init__(self, augmentation: Augmentation, seed: int, donors: ImageArray | None = None) -> None:
        if augmentation.patch is not None and donors is None:
            raise ValueError("random patches need images to take them from")
        self._augmentation = augmentation
        self._seed = seed
        self._donors = donors

    def __call__(self, images: Pixels, epoch: int, samples: Indices, occurrences: Indices) -> Planes:
        """Turn (B, H, W, 3) into contiguous planes (B, 3, H, W).

        `samples` (B,) are positions in the training set; `occurrences` (B,) say how often each came up in this epoch
        before, so that a repeated image is augmented differently. No result depends on the other images of a batch.
        """
        plan = self._augmentation
        stream = partial(sample_draws, self._seed, epoch, samples, occurrences)
        if plan.pictures:
            images = _pictured(images, plan.pictures, [stream(step.draws, step.purpose) for step in plan.pictures])
        draws = stream(_COLUMNS)
        out = _place(images, draws[:, _FLIP] < plan.flip_prob, _shifts(plan.crop, draws), plan.crop)
        if plan.erasing is not None:
            _erase(out, plan.erasing, draws)
        if plan.patch is not None:
            paste_patch(out, plan.patch, stream(10, Purpose.PATCH), self._donor)
        if plan.grey_patch is not None:
            grey_patch(out, plan.grey_patch, stream(5, Purpose.GREY_PATCH))
        if plan.cutout is not None:
            cut_out(out, plan.cutout, stream(3, Purpose.CUTOUT))
        return out

    def _donor(self, unit: float) -> Planes:
        """Planes (3, H, W) of the training image at the share `unit` of all."""
        donors = self._donors
        if donors is None:
            raise RuntimeError("there is no image to take a patch from")
        donor: Planes = planes(donors.take(np.array([int(unit * len(donors))])))[0]
        return donor


def _pictured(images: Pixels, steps: Sequence[PictureStep], draws: Sequence[Draws]) -> Pixels:
    """Every picture of (B, H, W, 3) through all `steps`; each has its `draws` (B, step.draws)."""
    out = np.empty_like(images)
    for target, image, *rows in zip(out, images, *draws, strict=True):
        picture = Image.fromarray(image)
        for step, row in zip(steps, rows, strict=True):
            picture = step(picture, row)
        target[...] = np.asarray(picture)
    return out


def planes(images: Pixels) -> Planes:
    """Turn (B, H, W, 3) into contiguous (B, 3, H, W): all that evaluation does."""
    count, height, width, _ = images.shape
    out = np.empty((count, 3, height, width), dtype=np.uint8)
    for target, image in zip(out, images, strict=True):  # image by image: numpy's whole-batch transpose is 4 x slower
        target[...] = image.transpose(2, 0, 1)
    return out


def _shifts(crop: Crop | None, draws: Draws) -> npt.NDArray[np.int64]:
    """Where the crop's corner lies in the unpadded image (B, 2): -size..size, vertical then horizontal."""
    size = crop.size if crop is not None else 0
    return np.floor(draws[:, [_TOP, _LEFT]] * (2 * size + 1)).astype(np.int64) - size


def _place(images: Pixels, flips: npt.NDArray[np.bool_], shifts: npt.NDArray[np.int64], crop: Crop | None) -> Planes:
    """Flip, shift and turn to planes: each pixel is copied once."""
    count, height, width, _ = images.shape
    black = crop is not None and crop.mode is PadMode.CONSTANT
    out = (np.zeros if black else np.empty)((count, 3, height, width), dtype=np.uint8)
    rows, columns = np.arange(height), np.arange(width)
    for target, image, flip, (down, right) in zip(out, images, flips.tolist(), shifts.tolist(), strict=True):
        source = image[:, ::-1] if flip else image
        if crop is not None and crop.mode is not PadMode.CONSTANT:
            source = source[_beyond(rows + down, height, crop.mode)][:, _beyond(columns + right, width, crop.mode)]
            target[...] = source.transpose(2, 0, 1)
            continue
        into_rows, from_rows = _overlap(down, height)
        into_columns, from_columns = _overlap(right, width)
        target[:, into_rows, into_columns] = source[from_rows, from_columns].transpose(2, 0, 1)
    return out


def _overlap(shift: int, length: int) -> tuple[slice, slice]:
    """The part of a crop that lies inside the image, in the crop's and in the image's coordinates."""
    start, stop = max(shift, 0), max(min(length + shift, length), 0)
    return slice(start - shift, max(stop - shift, start - shift)), slice(start, max(start, stop))


def _beyond(index: npt.NDArray[np.int64], length: int, mode: PadMode) -> npt.NDArray[np.int64]:
    """Indices outside 0..length-1 brought inside as numpy.pad does."""
    if mode is PadMode.EDGE:
        return np.clip(index, 0, length - 1)
    period = max(2 * (length - 1), 1)
    inside = np.abs(index) % period
    return np.minimum(inside, period - inside) if length > 1 else np.zeros_like(index)


def _erase(images: Planes, erasing: Erasing, draws: Draws) -> None:
    """Fill one rectangle in each chosen image, in place."""
    _, _, height, width = images.shape
    shapes = draws[:, _SHAPES:]
    area = height * width * between(erasing.area, shapes[:, 0::2])
    ratio = between(erasing.ratio, shapes[:, 1::2])
    heights = np.rint(np.sqrt(area * ratio)).astype(np.int64)
    widths = np.rint(np.sqrt(area / ratio)).astype(np.int64)
    fits = (heights < height) & (widths < width)
    first = fits.argmax(axis=1)
    value = np.rint(np.asarray(erasing.value)).astype(np.uint8)[:, None, None]
    for one in np.flatnonzero((draws[:, _ERASE] < erasing.prob) & fits.any(axis=1)).tolist():
        tall, wide = int(heights[one, first[one]]), int(widths[one, first[one]])
        top = int(draws[one, _ERASE_TOP] * (height - tall + 1))
        left = int(draws[one, _ERASE_LEFT] * (width - wide + 1))
        images[one, :, top : top + tall, left : left + wide] = value
