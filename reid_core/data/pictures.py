"""Augmentation of whole pictures, before they are flipped, shifted and erased: colours, shapes, learned policies.

Each part takes one picture and a row of uniform numbers, and is written over Pillow, whose filters it shares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageEnhance

from reid_core.data.operations import LEVELS, Operation, affine, apply, hue
from reid_core.data.randomness import Draws, Purpose, between

__all__ = ["Affine", "AugMix", "AutoAugment", "ColorJitter", "PictureStep", "ResizedCrop"]


class PictureStep(Protocol):
    """A part of the augmentation: `draws` uniform numbers a picture, from the stream of `purpose`."""

    @property
    def purpose(self) -> Purpose:
        """Which stream of random numbers is its own."""
        ...

    @property
    def draws(self) -> int:
        """How many uniform numbers one picture takes."""
        ...

    def __call__(self, image: Image.Image, unit: Draws) -> Image.Image:
        """The augmented picture, of the same size; `unit` (draws,) in [0, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class ResizedCrop:
    """A part of random area and shape (Szegedy et al. 2015), brought back to the picture's size.

    `scale` bounds its share of the area, `ratio` its width to height relative to the picture's own, drawn in
    logarithms. A part that does not fit is cut to the picture.
    """

    scale: tuple[float, float] = (0.16, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    purpose: Purpose = Purpose.RESIZED_CROP
    draws: int = 4

    def __call__(self, image: Image.Image, unit: Draws) -> Image.Image:
        """See PictureStep."""
        area = between(self.scale, unit[0])
        ratio = math.exp(between((math.log(self.ratio[0]), math.log(self.ratio[1])), unit[1]))
        width = min(1.0, math.sqrt(area * ratio)) * image.width
        height = min(1.0, math.sqrt(area / ratio)) * image.height
        left, top = unit[2] * (image.width - width), unit[3] * (image.height - height)
        return image.resize(image.size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


@dataclass(frozen=True, slots=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue in random order, with probability `prob`.

    The first three are multiplied by 1 +- their largest change, hue turned by up to +- `hue` of a circle.
    """

    prob: float = 0.5
    brightness: float = 0.15
    contrast: float = 0.15
    saturation: float = 0.1
    hue: float = 0.1
    purpose: Purpose = Purpose.JITTER
    draws: int = 9

    def __call__(self, image: Image.Image, unit: Draws) -> Image.Image:
        """See PictureStep."""
        if unit[0] >= self.prob:
            return image
        strengths = (2 * unit[1:5] - 1) * (self.brightness, self.contrast, self.saturation, self.hue)
        for part in np.argsort(unit[5:9]).tolist():
            if part == len(_ENHANCERS):
                image = hue(image, strengths[part])
            else:
                image = _ENHANCERS[part](image).enhance(max(0.0, 1.0 + strengths[part]))
        return image


_ENHANCERS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


@dataclass(frozen=True, slots=True)
class Affine:
    """Rotation, scale and shear about the centre, always on, uncovered pixels black; FastReID's ranges."""

    degrees: float = 10.0
    scale: tuple[float, float] = (0.9, 1.1)
    shear: float = 0.1
    purpose: Purpose = Purpose.AFFINE
    draws: int = 3

    def __call__(self, image: Image.Image, unit: Draws) -> Image.Image:
        """See PictureStep. `degrees` and `shear` are degrees."""
        angle = math.radians((2 * unit[0] - 1) * self.degrees)
        scale = between(self.scale, unit[1])
        shear = math.tan(math.radians((2 * unit[2] - 1) * self.shear))
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        inverse = np.linalg.inv(scale * turn @ np.array([[1.0, shear], [0.0, 1.0]]))
        centre = np.array([image.width / 2, image.height / 2])  # Pillow's pixels have their centres at halves
        shift = centre - inverse @ centre
        matrix = (*inverse[0], shift[0], *inverse[1], shift[1])
        return affine(image, tuple(map(float, matrix)), fill=(0, 0, 0))


@dataclass(frozen=True, slots=True)
class AutoAugment:
    """The ImageNet policy of AutoAugment (Cubuk et al., CVPR 2019, table 9), with probability `prob`."""

    prob: float
    purpose: Purpose = Purpose.POLICY
    draws: int = 6

    def __call__(self, image: Image.Image, unit: Draws) -> Image.Image:
        """See PictureStep."""
        if unit[0] >= self.prob:
            return image
        chosen = IMAGENET_POLICY[int(unit[1] * len(IMAGENET_POLICY))]
        for (operation, prob, level), (happens, sign) in zip(chosen, (unit[2:4], unit[4:6]), strict=True):
            if happens < prob:
                image = apply(image, operation, level, negative=bool(sign < 0.5))
        return image


@dataclass(frozen=True, slots=True)
class AugMix:
    """AugMix (Hendrycks et al., ICLR 2020, algorithm 1), with probability `prob`.

    `width` chains of one to three operations, mixed with Dirichlet(1) weights, and mixed with the picture by a
    Beta(1, 1) share; magnitudes up to `severity` of 10.
    """

    prob: float
    severity: float = 3.0
    width: int = 3
    purpose: Purpose = Purpose.MIX

    @property
    def draws(self) -> int:
        """Whether, how much of it, and for each chain its weight, its length and three of operation, level, sign."""
        return 2 + self.width * (2 + 3 * _DEEPEST)

    def __call__(self, image: Image.Image, unit: Draws) -> Image.Image:
        """See PictureStep."""
        if unit[0] >= self.prob:
            return image
        chains = unit[2:].reshape(self.width, -1)
        weights = -np.log1p(-chains[:, 0])  # exponential numbers over their sum are Dirichlet(1)
        weights /= max(weights.sum(), np.finfo(np.float64).tiny)
        pixels = np.asarray(image, dtype=np.float64)
        mixed = np.zeros_like(pixels)
        for weight, chain in zip(weights, chains, strict=True):
            mixed += weight * np.asarray(self._chained(image, chain[1:]), dtype=np.float64)
        blended = (1 - unit[1]) * pixels + unit[1] * mixed
        return Image.fromarray(np.rint(blended).clip(0, 255).astype(np.uint8))

    def _chained(self, image: Image.Image, unit: Draws) -> Image.Image:
        depth = 1 + int(unit[0] * _DEEPEST)
        for which, level, sign in unit[1:].reshape(_DEEPEST, 3)[:depth]:
            operation = _MIXED[int(which * len(_MIXED))]
            image = apply(image, operation, level * self.severity / 10 * (LEVELS - 1), negative=bool(sign < 0.5))
        return image


_DEEPEST = 3
# Those of the paper: nothing that its corruption benchmark contains.
_MIXED = (
    Operation.AUTOCONTRAST,
    Operation.EQUALIZE,
    Operation.POSTERIZE,
    Operation.ROTATE,
    Operation.SOLARIZE,
    Operation.SHEAR_X,
    Operation.SHEAR_Y,
    Operation.TRANSLATE_X,
    Operation.TRANSLATE_Y,
)


def _pair(text: str) -> tuple[tuple[Operation, float, float], tuple[Operation, float, float]]:
    """Two of "operation probability level"."""
    first, second = (
        (Operation(name), float(prob), float(level)) for name, prob, level in map(str.split, text.split(","))
    )
    return first, second


IMAGENET_POLICY = tuple(
    map(
        _pair,
        (
            "posterize 0.4 8, rotate 0.6 9",
            "solarize 0.6 5, autocontrast 0.6 5",
            "equalize 0.8 8, equalize 0.6 3",
            "posterize 0.6 7, posterize 0.6 6",
            "equalize 0.4 7, solarize 0.2 4",
            "equalize 0.4 4, rotate 0.8 8",
            "solarize 0.6 3, equalize 0.6 7",
            "posterize 0.8 5, equalize 1.0 2",
            "rotate 0.2 3, solarize 0.6 8",
            "equalize 0.6 8, posterize 0.4 6",
            "rotate 0.8 8, color 0.4 0",
            "rotate 0.4 9, equalize 0.6 2",
            "equalize 0.0 7, equalize 0.8 8",
            "invert 0.6 4, equalize 1.0 8",
            "color 0.6 4, contrast 1.0 8",
            "rotate 0.8 8, color 1.0 2",
            "color 0.8 8, solarize 0.8 7",
            "sharpness 0.4 7, invert 0.6 8",
            "shear-x 0.6 5, equalize 1.0 9",
            "color 0.4 0, equalize 0.6 3",
            "equalize 0.4 7, solarize 0.2 4",
            "solarize 0.6 5, autocontrast 0.6 5",
            "invert 0.6 4, equalize 1.0 8",
            "color 0.6 4, contrast 1.0 8",
            "equalize 0.8 8, equalize 0.6 3",
        ),
    )
)
"""Sub-policies: two operations, each with its probability and magnitude."""
