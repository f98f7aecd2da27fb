"""Pictures that strangers send: decoded as training decodes files, after a look at how large they would become."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from reid_core.data.sources import Pixels
from reid_core.errors import DataError, Finding

__all__ = ["FORMATS", "PictureLimits", "decoded"]

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may try; its other decoders never see what a stranger sent."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """`pixels` of one picture once it is decoded, `images` in one request, `body` bytes of a request."""

    pixels: int = 25_000_000
    images: int = 64
    body: int = 16 * 1024**2


def decoded(data: bytes, limits: PictureLimits, place: str = "image") -> Pixels:
    """The picture as RGB (h, w, 3), upright as its EXIF orientation says. Raises DataError, before decoding a bomb."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > limits.pixels:
                message = f"{width} x {height} pixels are more than the {limits.pixels:,} that are taken"
                raise DataError(Finding("image-too-large", message, file=place, key=place))
            made: Pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"), np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        message = f"is no picture that decodes: {error}"
        hint = f"send one of {', '.join(FORMATS)}"
        raise DataError(Finding("corrupt-image", message, file=place, hint=hint, key=place)) from error
    return made
