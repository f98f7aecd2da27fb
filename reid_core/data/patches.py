"""Rectangles of a batch of planes, in place: another image's patch, a grey patch, a cut-out square."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_core.data.randomness import Draws, between

__all__ = ["Cutout", "GreyPatch", "Planes", "RandomPatch", "cut_out", "grey_patch", "paste_patch"]

Planes = npt.NDArray[np.uint8]
"""RGB planes (B, 3, H, W), or (3, H, W) of one image."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)[:, None, None]  # ITU-R 601, as Pillow's grey


@dataclass(frozen=True, slots=True)
class RandomPatch:
    """A patch of another training image, perhaps mirrored and turned upside down (OSNet, Zhou et al., ICCV 2019).

    `area` is its share of the image, `ratio` the least height to width or width to height.
    """

    prob: float = 0.5
    area: tuple[float, float] = (0.01, 0.5)
    ratio: float = 0.1
    turn_prob: float = 0.5
    flip_prob: float = 0.5


@dataclass(frozen=True, slots=True)
class GreyPatch:
    """A rectangle loses its colour (local grayscale transformation, Gong et al. 2021); sides drawn as in erasing."""

    prob: float = 0.4
    area: tuple[float, float] = (0.02, 0.4)
    ratio: tuple[float, float] = (0.3, 3.33)


@dataclass(frozen=True, slots=True)
class Cutout:
    """A black square (DeVries & Taylor 2017) centred anywhere, cut at the border.

    `size` is its side as a share of the shorter side of the image.
    """

    prob: float = 0.5
    size: float = 0.5


def paste_patch(images: Planes, settings: RandomPatch, unit: Draws, donor: Callable[[float], Planes]) -> None:
    """Paste into planes (B, 3, H, W); `unit` (B, 10); `donor(draw)` are the planes (3, H, W) of another image."""
    _, _, height, width = images.shape
    logs = (math.log(settings.ratio), -math.log(settings.ratio))
    for row in np.flatnonzero(unit[:, 0] < settings.prob).tolist():
        _, area, ratio, which, top, left, from_top, from_left, turn, flip = unit[row].tolist()
        tall, wide = _sides(between(settings.area, area), math.exp(between(logs, ratio)), height, width)
        patch = _window(donor(which), tall, wide, from_top, from_left)
        patch = patch[:, ::-1] if turn < settings.turn_prob else patch
        patch = patch[:, :, ::-1] if flip < settings.flip_prob else patch
        _window(images[row], tall, wide, top, left)[...] = patch


def grey_patch(images: Planes, settings: GreyPatch, unit: Draws) -> None:
    """Take the colour out of a rectangle of planes (B, 3, H, W); `unit` (B, 5)."""
    _, _, height, width = images.shape
    for row in np.flatnonzero(unit[:, 0] < settings.prob).tolist():
        _, area, ratio, top, left = unit[row].tolist()
        tall, wide = _sides(between(settings.area, area), between(settings.ratio, ratio), height, width)
        window = _window(images[row], tall, wide, top, left)
        window[...] = np.rint((window * _LUMA).sum(axis=0)).astype(np.uint8)


def cut_out(images: Planes, settings: Cutout, unit: Draws) -> None:
    """Blacken a square of planes (B, 3, H, W); `unit` (B, 3)."""
    _, _, height, width = images.shape
    half = settings.size * min(height, width) / 2
    for row in np.flatnonzero(unit[:, 0] < settings.prob).tolist():
        down, right = unit[row, 1] * height, unit[row, 2] * width
        rows = slice(max(0, round(down - half)), max(0, round(down + half)))
        images[row, :, rows, max(0, round(right - half)) : max(0, round(right + half))] = 0


def _sides(area: float, ratio: float, height: int, width: int) -> tuple[int, int]:
    """Height and width of a rectangle with a share `area` of the image and `ratio` of height to width, cut to fit."""
    pixels = area * height * width
    return (
        min(height, max(1, round(math.sqrt(pixels * ratio)))),
        min(width, max(1, round(math.sqrt(pixels / ratio)))),
    )


def _window(image: Planes, tall: int, wide: int, top: float, left: float) -> Planes:
    """The rectangle of (3, H, W) at the shares `top` and `left` of the room there is."""
    _, height, width = image.shape
    down, right = int(top * (height - tall + 1)), int(left * (width - wide + 1))
    return image[:, down : down + tall, right : right + wide]
