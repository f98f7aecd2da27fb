"""Several data sets as one to train on and several to test on.

Identities and cameras of different sets are kept apart: in a joined set, `VeRi/12` is identity 12 of VeRi, paths begin
with the set's name, and the cameras of each folder are numbered after those of the one before.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reid_core.data.checks import Use
from reid_core.data.layouts.recognise import read_dataset
from reid_core.data.places import Place
from reid_core.data.records import NO_CAMERA, Dataset, ImageRecord, Labels, Layout
from reid_core.data.sources import CorruptImage, ImageSource, Interpolation, Pixels, Size

__all__ = ["DataSets", "Named", "combined", "joined_sets", "read_sets", "set_numbers", "source_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A data set, its name (none where it is the only one), what it is for, and its place among those tested on."""

    name: str
    dataset: Dataset
    trained: bool
    tested: bool
    rank: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class DataSets:
    """The data sets one by one (`parts`), those to train on as one (`train`), and a `fingerprint` of all.

    `seen` are the names of those tested on whose folder is trained on too.
    """

    parts: tuple[Named, ...]
    train: Dataset
    fingerprint: str
    seen: frozenset[str]

    @classmethod
    def single(cls, dataset: Dataset) -> DataSets:
        """One data set to train and to test on."""
        return cls((Named("", dataset, trained=True, tested=True),), dataset, dataset.fingerprint, frozenset({""}))

    @property
    def tests(self) -> dict[str, Dataset]:
        """What is tested on, by name, in the order of DATASETS.TESTS."""
        tested = sorted((part for part in self.parts if part.tested), key=lambda part: part.rank)
        return {part.name: part.dataset for part in tested}

    @property
    def ignored(self) -> dict[str, int]:
        """The files left out, by reason, those that several sets found in one folder several times."""
        counts: Counter[str] = Counter()
        for part in self.parts:
            counts.update(part.dataset.ignored)
        return dict(sorted(counts.items()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of all data sets."""
        return tuple(warning for part in self.parts for warning in part.dataset.warnings)


def read_sets(places: Sequence[Place], *, no_cameras: bool, skip_bad: bool) -> DataSets:
    """Read the data sets at `places`, without decoding an image. Raises DataError."""
    return joined_sets(
        places,
        [
            read_dataset(place.root, place.layout, use=place.use, no_cameras=no_cameras, skip_bad=skip_bad)
            for place in places
        ],
    )


def joined_sets(places: Sequence[Place], found: Sequence[Dataset]) -> DataSets:
    """What was `found` at `places`, as one to train on and several to test on."""
    if len(places) == 1:
        note = (places[0].note,) if places[0].note else ()
        return DataSets.single(replace(found[0], warnings=(*note, *found[0].warnings)))
    cameras = _first_cameras(places, found)
    parts = tuple(
        Named(
            place.name,
            _named(place.name, dataset, cameras[place.root]),
            trained=place.use is not Use.TEST,
            tested=place.use is not Use.TRAIN,
            rank=place.rank,
        )
        for place, dataset in zip(places, found, strict=True)
    )
    train = _joined([part.dataset for part in parts if part.trained])
    trained = {place.root for place in places if place.use is not Use.TEST}
    return DataSets(
        parts=parts,
        train=train,
        fingerprint=_digest(train.fingerprint, "tests", *(part.dataset.fingerprint for part in parts if part.tested)),
        seen=frozenset(place.name for place in places if place.use is not Use.TRAIN and place.root in trained),
    )


def combined(dataset: Dataset) -> Dataset:
    """`dataset` with query, gallery and extra images among those to train on; nobody's images are left out."""
    known = {record.path for record in dataset.train}
    more = {
        record
        for record in (*dataset.extra, *dataset.query, *dataset.gallery)
        if record.path not in known and record.pid not in dataset.nobody
    }
    train = (*dataset.train, *sorted(more, key=lambda record: record.path))
    return replace(dataset, train=train, fingerprint=_digest("combined", dataset.fingerprint))


def set_numbers(dataset: Dataset, records: Sequence[ImageRecord]) -> Labels:
    """For each of `records` (N,): the position of its data set among the members of `dataset`; 0 in a single one."""
    number = {name: index for index, name in enumerate(dataset.members)}
    return np.fromiter(
        (number[record.path.split("/", 1)[0]] if number else 0 for record in records), np.int64, len(records)
    )


def source_of(source: ImageSource, path: str) -> tuple[ImageSource, str]:
    """Of a joined set the source that an image comes from, and its path there."""
    if isinstance(source, _JoinedSource):
        name, inner = path.split("/", 1)
        return source_of(source.sources[name], inner)
    return source, path


class _JoinedSource:
    """Images of several data sets, by paths that begin with the set's name."""

    def __init__(self, sources: Mapping[str, ImageSource]) -> None:
        self.sources = sources

    def decode(self, path: str, size: Size, interpolation: Interpolation) -> Pixels:
        """RGB (H, W, 3) at `size`. Raises CorruptImage."""
        name, inner = path.split("/", 1)
        try:
            return self.sources[name].decode(inner, size, interpolation)
        except CorruptImage as error:
            raise CorruptImage(path, error.reason) from error

    def stamp(self, paths: Sequence[str]) -> str:
        """From the stamps of the data sets."""
        own: dict[str, list[str]] = {name: [] for name in self.sources}
        for path in paths:
            name, inner = path.split("/", 1)
            own[name].append(inner)
        return _digest(*(self.sources[name].stamp(inner) for name, inner in own.items()))


def _first_cameras(places: Sequence[Place], found: Sequence[Dataset]) -> dict[Path, int]:
    """What to add to a folder's camera numbers; one folder read in two ways has the same cameras."""
    highest: dict[Path, int] = {}
    for place, dataset in zip(places, found, strict=True):
        camids = [record.camid for record in (*dataset.train, *dataset.query, *dataset.gallery, *dataset.extra)]
        highest[place.root] = max([highest.get(place.root, NO_CAMERA), *camids])
    firsts, first = {}, 0
    for root, camid in highest.items():
        firsts[root], first = first, first + camid + 1
    return firsts


def _named(name: str, dataset: Dataset, first_camera: int) -> Dataset:
    def moved(records: Iterable[ImageRecord]) -> tuple[ImageRecord, ...]:
        return tuple(
            ImageRecord(
                f"{name}/{record.path}",
                f"{name}/{record.pid}",
                record.camid if record.camid == NO_CAMERA else record.camid + first_camera,
            )
            for record in records
        )

    return Dataset(
        layout=dataset.layout,
        train=moved(dataset.train),
        query=moved(dataset.query),
        gallery=moved(dataset.gallery),
        fingerprint=_digest(name, dataset.fingerprint),
        source=_JoinedSource({name: dataset.source}),
        ignored=dataset.ignored,
        warnings=tuple(f"{name}: {warning}" for warning in dataset.warnings),
        extra=moved(dataset.extra),
        nobody=frozenset(f"{name}/{pid}" for pid in dataset.nobody),
        members=(name,),
        first_camera=first_camera,
    )


def _joined(sets: Sequence[Dataset]) -> Dataset:
    """The images of all `sets`, which are named."""
    sources: dict[str, ImageSource] = {}
    for one in sets:
        sources |= one.source.sources if isinstance(one.source, _JoinedSource) else {}
    return Dataset(
        layout=Layout.JOINED,
        train=tuple(record for one in sets for record in one.train),
        query=tuple(record for one in sets for record in one.query),
        gallery=tuple(record for one in sets for record in one.gallery),
        fingerprint=_digest(*(one.fingerprint for one in sets)),
        source=_JoinedSource(sources),
        extra=tuple(record for one in sets for record in one.extra),
        nobody=frozenset().union(*(one.nobody for one in sets)),
        members=tuple(name for one in sets for name in one.members),
    )


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
