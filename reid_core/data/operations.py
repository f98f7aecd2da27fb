"""Single operations on a picture, and how strong each of AutoAugment's magnitudes is."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from PIL import Image, ImageEnhance, ImageOps

__all__ = ["LEVELS", "Operation", "affine", "apply", "hue"]

LEVELS = 10
"""Magnitudes are 0 .. LEVELS - 1 and may be fractions."""

_GREY = (128, 128, 128)
_LONGEST_SHIFT = 150 / 331  # of the side, as the paper's 150 pixels of a 331-pixel image


class Operation(StrEnum):
    """The operations of AutoAugment (Cubuk et al., CVPR 2019, table 6) that work on one picture."""

    AUTOCONTRAST = "autocontrast"
    BRIGHTNESS = "brightness"
    COLOR = "color"
    CONTRAST = "contrast"
    EQUALIZE = "equalize"
    INVERT = "invert"
    POSTERIZE = "posterize"
    ROTATE = "rotate"
    SHARPNESS = "sharpness"
    SHEAR_X = "shear-x"
    SHEAR_Y = "shear-y"
    SOLARIZE = "solarize"
    TRANSLATE_X = "translate-x"
    TRANSLATE_Y = "translate-y"


def apply(image: Image.Image, operation: Operation, level: float, *, negative: bool = False) -> Image.Image:
    """`operation` at magnitude `level`; `negative` turns its direction where it has one. Same size; uncovered is grey.

    Ranges are the paper's: shear 0 .. 0.3, shift 0 .. 45 % of the side, rotation 0 .. 30 degrees, enhancement factors
    1 +- 0.9, posterise to 8 .. 4 bits, solarise above 256 .. 0.
    """
    return _APPLY[operation](image, level / (LEVELS - 1), -1.0 if negative else 1.0)


def affine(image: Image.Image, matrix: tuple[float, ...], fill: tuple[int, int, int] = _GREY) -> Image.Image:
    """Each pixel of the result from where `matrix` (a, b, c, d, e, f) sends it: (ax + by + c, dx + ey + f)."""
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=fill)


def hue(image: Image.Image, turn: float) -> Image.Image:
    """Turn every hue by `turn` of a circle, -0.5 .. 0.5."""
    angles, saturation, value = image.convert("HSV").split()
    shift = round(turn * 255)
    turned = angles.point([(angle + shift) % 256 for angle in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def _enhanced(enhancer: Callable[[Image.Image], ImageEnhance._Enhance]) -> Callable[..., Image.Image]:
    def enhanced(image: Image.Image, share: float, sign: float) -> Image.Image:
        return enhancer(image).enhance(1.0 + sign * 0.9 * share)

    return enhanced


_APPLY: dict[Operation, Callable[[Image.Image, float, float], Image.Image]] = {
    Operation.AUTOCONTRAST: lambda image, _share, _sign: ImageOps.autocontrast(image),
    Operation.BRIGHTNESS: _enhanced(ImageEnhance.Brightness),
    Operation.COLOR: _enhanced(ImageEnhance.Color),
    Operation.CONTRAST: _enhanced(ImageEnhance.Contrast),
    Operation.EQUALIZE: lambda image, _share, _sign: ImageOps.equalize(image),
    Operation.INVERT: lambda image, _share, _sign: ImageOps.invert(image),
    Operation.POSTERIZE: lambda image, share, _: ImageOps.posterize(image, round(8 - 4 * share)),
    Operation.ROTATE: lambda image, share, sign: image.rotate(
        sign * 30 * share, Image.Resampling.BILINEAR, fillcolor=_GREY
    ),
    Operation.SHARPNESS: _enhanced(ImageEnhance.Sharpness),
    Operation.SHEAR_X: lambda image, share, sign: affine(image, (1, sign * 0.3 * share, 0, 0, 1, 0)),
    Operation.SHEAR_Y: lambda image, share, sign: affine(image, (1, 0, 0, sign * 0.3 * share, 1, 0)),
    Operation.SOLARIZE: lambda image, share, _: ImageOps.solarize(image, round(256 * (1 - share))),
    Operation.TRANSLATE_X: lambda image, share, sign: affine(
        image, (1, 0, sign * share * _LONGEST_SHIFT * image.width, 0, 1, 0)
    ),
    Operation.TRANSLATE_Y: lambda image, share, sign: affine(
        image, (1, 0, 0, 0, 1, sign * share * _LONGEST_SHIFT * image.height)
    ),
}
