"""Images of a data set to look at before launch: only those that were listed are given out, as small pictures."""

from __future__ import annotations

import io
import secrets
import threading
from collections import OrderedDict

from orchestrator.service.confined import Roots
from orchestrator.service.launch.views import SampleView
from reid_core.config import Config
from reid_core.data.records import NO_CAMERA
from reid_core.data.samples import Sample, sample_images
from reid_core.data.sets import source_of
from reid_core.data.sources import CorruptImage, FileSource, Interpolation
from reid_core.errors import DataError, NotFound

__all__ = ["Samples"]

_EACH = 6
_HEIGHT = 96
_MOST_DATA_SETS, _MOST_IMAGES = 8, 400


class Samples:
    """The samples listed last, by keys that nobody guesses. Thread-safe."""

    def __init__(self) -> None:
        self._listed: OrderedDict[str, tuple[SampleView, ...]] = OrderedDict()
        self._images: OrderedDict[str, tuple[Sample, int]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, config: Config, fingerprint: str) -> tuple[SampleView, ...]:
        """Some images of each part of the data; none where the task keeps its images in another way."""
        height, width = config.input.size_test
        about = f"{fingerprint} {config.datasets.root} {height}x{width}"
        with self._lock:
            if about in self._listed and all(one.key in self._images for one in self._listed[about]):
                return self._listed[about]
        try:
            found = sample_images(config, _EACH)
        except DataError:  # of a task with a layout of its own: what it says of its data stands beside
            return ()
        with self._lock:
            views = tuple(self._keep(one, max(8, round(_HEIGHT * width / height))) for one in found)
            self._listed[about] = views
            while len(self._listed) > _MOST_DATA_SETS:
                self._listed.popitem(last=False)
        return views

    def png(self, key: str, roots: Roots | None) -> bytes:
        """The picture, 96 pixels high, in the proportions in which it is trained on.

        NotFound for a key that was not given out or is forgotten, an image that is outside of `roots` (a link may lead
        there), and one that does not decode.
        """
        from PIL import Image  # noqa: PLC0415 - only who looks at images needs it

        with self._lock:
            kept = self._images.get(key)
        if kept is None:
            raise NotFound("there is no such sample", hint="open the form again")
        sample, width = kept
        source, path = source_of(sample.source, sample.path)
        if roots is not None and isinstance(source, FileSource) and roots.fault(str(source.root / path)):
            raise NotFound("this image lies outside of the folders opened", hint="the server's --data-root names them")
        try:
            pixels = source.decode(path, (_HEIGHT, width), Interpolation.BILINEAR)
        except CorruptImage as error:
            raise NotFound(f"the image does not decode: {error.reason}", hint="mend it or take it away") from error
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, "PNG")
        return written.getvalue()

    def _keep(self, sample: Sample, width: int) -> SampleView:
        key = secrets.token_urlsafe(12)
        self._images[key] = (sample, width)
        while len(self._images) > _MOST_IMAGES:
            self._images.popitem(last=False)
        camera = None if sample.camid == NO_CAMERA else sample.camid
        return SampleView(key=key, part=sample.part, pid=sample.pid, camid=camera)
