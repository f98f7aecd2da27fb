"""The images of an inspection as JPEG, by their numbers in it: no request names a file."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.service.inspection.build import Inspections
from orchestrator.service.service import Service
from reid_core.config import Values, from_values
from reid_core.errors import NotFound

if TYPE_CHECKING:
    from reid_core.engine.inspection_images import InspectionImages

__all__ = ["HEIGHTS", "ImageSize", "Images", "Picture"]

_KEPT_BYTES = 64 << 20
_KEPT_SETS = 4
_QUALITY = 85
_MOST = 1024


class ImageSize(StrEnum):
    """How large: a THUMB for lists, FULL for looking at one."""

    THUMB = "thumb"
    FULL = "full"


HEIGHTS = {ImageSize.THUMB: 128, ImageSize.FULL: 384}
"""In pixels; the width follows the shape of the model's input."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG and what changes when it does."""

    body: bytes
    mark: str


class Images:
    """Images of inspections, the last ones kept in memory. Safe for several threads."""

    def __init__(self, service: Service, inspections: Inspections) -> None:
        self._service, self._inspections = service, inspections
        self._sets: OrderedDict[str, InspectionImages] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str, int, ImageSize], Picture] = OrderedDict()
        self._bytes = 0
        self._lock, self._listing = threading.Lock(), threading.Lock()

    def get(self, study: str, trial: int | None, number: int, size: ImageSize) -> Picture:
        """Image `number` of an inspection. Raises NotFound: no such image, or outside of the folders opened."""
        looked, found = self._inspections.read(study, trial)
        if not 0 <= number < len(found.words.images):
            raise NotFound(f"the inspection has no image {number}", hint=f"it has {len(found.words.images)}")
        path = found.words.images[number]
        key = (f"{study}/{trial}", looked.mark, number, size)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        images = self._of(self._inspections.config(study, trial))
        self._check(images, path)
        high, wide = found.words.size
        height = HEIGHTS[size]
        width = min(_MOST, max(1, round(height * wide / high)))
        made = Picture(_jpeg(images, path, height, width), f"{looked.mark}-{number}-{size}")
        self._keep(key, made)
        return made

    def _check(self, images: InspectionImages, path: str) -> None:
        """Refuse a file outside of the folders that the server was opened for, where it is confined to some."""
        roots, file = self._service.roots, images.file(path)
        if roots is not None and file is not None and (reason := roots.fault(str(file))):
            message = f"the image {path} {reason}"
            raise NotFound(message, hint="the server's --data-root names the folders whose images are shown")

    def _of(self, config: Values) -> InspectionImages:
        """The data set's images, listed once."""
        from reid_core.engine.inspection_images import InspectionImages  # noqa: PLC0415 - it loads torch

        key = repr(sorted((name, value) for name, value in config.items() if name.startswith(("DATASETS.", "TASK."))))
        with self._listing:
            if key not in self._sets:
                self._sets[key] = InspectionImages(from_values(config))
                while len(self._sets) > _KEPT_SETS:
                    self._sets.popitem(last=False)
            self._sets.move_to_end(key)
            return self._sets[key]

    def _keep(self, key: tuple[str, str, int, ImageSize], made: Picture) -> None:
        with self._lock:
            before = self._kept.pop(key, None)  # two asked at once: each made it
            self._kept[key] = made
            self._bytes += len(made.body) - (0 if before is None else len(before.body))
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1].body)


def _jpeg(images: InspectionImages, path: str, height: int, width: int) -> bytes:
    from PIL import Image  # noqa: PLC0415 - only where images are asked for

    packed = io.BytesIO()
    Image.fromarray(images.decode(path, (height, width))).save(packed, "JPEG", quality=_QUALITY)
    return packed.getvalue()
