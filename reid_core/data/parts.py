"""Decoded parts of a data set, ready to train on or to measure: records, labels, cameras and pixels side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reid_core.data.cache import ImageCache
from reid_core.data.checks import unmatched
from reid_core.data.files import examples
from reid_core.data.images import ImageArray
from reid_core.data.records import NO_CAMERA, Dataset, ImageRecord, Indices, Labels, identities_of, labels_of
from reid_core.data.sources import Size
from reid_core.data.split import Cut
from reid_core.errors import DataError, Finding

__all__ = ["EvaluationData", "Opened", "Part", "PartOpener"]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Images with who they show and which camera took them; everything (N,) in the order of `records`.

    Where the camera is not known the image counts as one of its own (numbered below NO_CAMERA): the same-camera rule
    then drops only the image itself. `targets` (N, ...) are what to learn, where that is no single label.
    """

    records: tuple[ImageRecord, ...]
    labels: Labels
    camids: Labels
    images: ImageArray
    targets: npt.NDArray[np.float32] | None = None

    @property
    def learned(self) -> npt.NDArray[np.float32] | Labels:
        """What a model learns of each image: `targets` where there are some, else `labels`."""
        return self.labels if self.targets is None else self.targets


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationData:
    """What is measured: labels and cameras of `query` and `gallery` mean the same in both.

    `query_in_gallery` (Q,) says where the queries stand in the gallery when all of them do: embed once. `sentence`
    tells people what is measured. `name` is that of the data set, where there are several, and `first_camera` was added
    to the numbers of its cameras.
    """

    query: Part
    gallery: Part
    query_in_gallery: Indices | None
    sentence: str
    warnings: tuple[str, ...]
    name: str = ""
    first_camera: int = 0

    @property
    def pixels(self) -> tuple[ImageArray, ...]:
        """The images to embed, once each."""
        return (self.gallery.images,) if self.query_in_gallery is not None else (self.query.images, self.gallery.images)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """The pixels of some records; `good` are the positions of those that decode."""

    records: Sequence[ImageRecord]
    camids: Labels
    images: ImageArray
    good: Indices
    warnings: tuple[str, ...]

    def part(self, chosen: Indices, identities: Sequence[str]) -> Part:
        """The images at `chosen`, labelled by their identities' positions in `identities`."""
        records = tuple(self.records[index] for index in chosen)
        return Part(records, labels_of(records, identities), self.camids[chosen], self.images.subset(chosen))


class PartOpener:
    """Opens parts of `dataset` through `cache`."""

    def __init__(self, dataset: Dataset, cache: ImageCache, *, no_cameras: bool, skip_corrupt: bool) -> None:
        self._dataset = dataset
        self._cache = cache
        self._no_cameras = no_cameras
        self._skip_corrupt = skip_corrupt

    def open(self, records: Sequence[ImageRecord], size: Size) -> Opened:
        """Decode `records` at `size`, or find them decoded. Raises DataError naming those that do not decode."""
        paths = [record.path for record in records]
        cached = self._cache.open(
            self._dataset.source, self._dataset.fingerprint, paths, size, skip_corrupt=self._skip_corrupt
        )
        bad = [paths[index] for index in cached.corrupt]
        warning = f"{len(bad)} images do not decode and are left out: {examples(bad)}"
        numbers = (
            NO_CAMERA - 1 - index if self._no_cameras or record.camid == NO_CAMERA else record.camid
            for index, record in enumerate(records)
        )
        return Opened(
            records=records,
            camids=np.fromiter(numbers, np.int64, len(paths)),
            images=cached.images,
            good=np.setdiff1d(np.arange(len(records)), cached.corrupt),
            warnings=(warning,) if bad else (),
        )

    def held_out(self, parts: Cut, size: Size, *, whole: bool) -> EvaluationData:
        """The identities that `parts` holds out of the training images.

        `whole` opens all training images, of which these are a part: for when training opens them at this size anyway.
        """
        train = self._dataset.train
        if whole:
            return self._evaluation(self.open(train, size), parts.query, parts.gallery, "held out of train")
        opened = self.open([train[index] for index in parts.gallery], size)
        query = np.searchsorted(parts.gallery, parts.query)
        return self._evaluation(opened, query, np.arange(len(parts.gallery)), "held out of train")

    def test(self, size: Size, *, name: str = "", trained_on: bool = False) -> EvaluationData:
        """Query and gallery as the data set has them; an image that is both is decoded once.

        `name` tells several data sets apart; `trained_on` says that these images were trained on.
        """
        dataset = self._dataset
        union = sorted({*dataset.query, *dataset.gallery}, key=lambda record: record.path)
        place = {record.path: index for index, record in enumerate(union)}
        query, gallery = (
            np.array([place[record.path] for record in part], dtype=np.int64)
            for part in (dataset.query, dataset.gallery)
        )
        which = "of the test split" + (f" of {name}" if name else "") + (", trained on too" if trained_on else "")
        measured = self._evaluation(self.open(union, size), query, gallery, which)
        return replace(measured, name=name, first_camera=dataset.first_camera)

    def _evaluation(self, opened: Opened, query: Indices, gallery: Indices, which: str) -> EvaluationData:
        query, gallery = np.intersect1d(query, opened.good), np.intersect1d(gallery, opened.good)
        identities = identities_of(opened.records[index] for index in (*query, *gallery))
        asked, searched = opened.part(query, identities), opened.part(gallery, identities)
        if len(unmatched(asked.records, searched.records, no_cameras=self._no_cameras)) == len(query):
            raise DataError(
                Finding(
                    "no-match",
                    f"of the images {which} that decode, no query has a match in the gallery",
                    hint="replace the images that do not decode",
                    key="DATASETS.CORRUPT",
                )
            )
        unknown = (searched.camids < NO_CAMERA).mean()
        rule = "the query itself is dropped" if unknown == 1 else "same-camera matches are dropped"
        rule += " (without a camera: the query itself)" if 0 < unknown < 1 else ""
        counts = f"{len(query)} queries x {len(gallery)} gallery of {len(identities)} identities"
        return EvaluationData(
            query=asked,
            gallery=searched,
            query_in_gallery=np.searchsorted(gallery, query) if np.isin(query, gallery).all() else None,
            sentence=f"{counts} {which}; {rule}",
            warnings=opened.warnings,
        )
