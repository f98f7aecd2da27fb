"""The images of an inspection, by their paths in the data set: never by a path that somebody gives."""

from __future__ import annotations

from pathlib import Path

from reid_core.config import Config
from reid_core.data.pipeline import load_datasets
from reid_core.data.records import Dataset
from reid_core.data.sets import source_of
from reid_core.data.sources import CorruptImage, FileSource, ImageSource, Interpolation, Pixels, Size
from reid_core.errors import NotFound

__all__ = ["InspectionImages"]


class InspectionImages:
    """Decodes the images of the data that a configuration names; built-in ones are drawn. Safe for several threads.

    Making one lists the data set, which takes seconds for a large one. Raises DataError.
    """

    def __init__(self, config: Config) -> None:
        self._sources: dict[str, ImageSource] = {}
        for dataset in _datasets(config):
            for part in (dataset.query, dataset.gallery, dataset.train, dataset.extra):
                self._sources.update((record.path, dataset.source) for record in part)

    def file(self, path: str) -> Path | None:
        """The file of an image, links followed; None for one that is drawn. NotFound where no image is so called."""
        source, inner = source_of(self._source(path), path)
        return (source.root / inner).resolve() if isinstance(source, FileSource) else None

    def decode(self, path: str, size: Size) -> Pixels:
        """RGB (H, W, 3) at `size`. Raises NotFound where no image is so called or it does not decode."""
        try:
            return self._source(path).decode(path, size, Interpolation.BICUBIC)
        except CorruptImage as error:
            raise NotFound(f"the image {path} does not decode any more: {error.reason}") from error

    def _source(self, path: str) -> ImageSource:
        source = self._sources.get(path)
        if source is None:
            raise NotFound(f"the data set has no image {path} any more", hint="inspect the trial again")
        return source


def _datasets(config: Config) -> list[Dataset]:
    if config.task.name == "retrieval":
        from reid_core.tasks.retrieval.data import Source, without_cameras  # noqa: PLC0415 - one task's own reader

        found = Source.of(without_cameras(config))
        return [found.train, *found.tests.values()]
    sets = load_datasets(config)
    return [sets.train, *sets.tests.values()]
