"""Pictures that strangers send: decoded as training decodes files, after a look at how large they would become."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from reid_core.data.sources import Pixels, reason_of
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


def decoded(data: bytes, limits: PictureLimits, number: int = 1) -> Pixels:
    """The picture as RGB (h, w, 3), upright as its EXIF orientation says; it is the request's `number`-th, from 1.

    Raises DataError, before decoding a bomb.
    """
    name, key, stream = f"image {number}", f"images.{number - 1}", io.BytesIO(data)
    try:
        with Image.open(stream, formats=FORMATS) as image:
            width, height = image.size
            if width * height > limits.pixels:
                message = f"{width} x {height} pixels are more than the {limits.pixels:,} that are taken"
                raise DataError(Finding("image-too-large", message, file=name, key=key))
            made: Pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"), np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        message = f"is no picture that decodes: {reason_of(error, stream, name)}"
        hint = f"send one of {', '.join(FORMATS)}"
        raise DataError(Finding("corrupt-image", message, file=name, hint=hint, key=key)) from error
    return made
