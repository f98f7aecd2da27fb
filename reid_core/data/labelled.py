"""Data sets whose images are to be told something: a class, attributes. Read by a task, opened here.

The test images stand in the `gallery` of the data set; nothing is a query.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.files import Found
from reid_core.data.images import ImageArray
from reid_core.data.parts import Opened, Part
from reid_core.data.pipeline import SplitData, part_opener
from reid_core.data.places import names_domains, names_several
from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import Dataset, ImageRecord, Indices, Layout, identities_of
from reid_core.data.remote import data_root
from reid_core.data.sampling import train_sampler
from reid_core.data.sets import combined
from reid_core.data.split import Cut, cut_fingerprint
from reid_core.errors import DataError, Finding
from reid_core.results import DataSummary, Protocol

__all__ = ["LabelledData", "LabelledSet", "folder_of", "held_groups", "held_shares", "prefer_test"]

_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledData:
    """What is measured: images, and in `part.learned` what is true of each. `names` are the classes or attributes."""

    part: Part
    names: tuple[str, ...]
    sentence: str
    warnings: tuple[str, ...]
    name: str = ""

    @property
    def pixels(self) -> tuple[ImageArray, ...]:
        """The images, which pass through the model once each."""
        return (self.part.images,)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """A data set, and the `names` of what its images are told, which are `kind` (classes, attributes).

    `held` are positions of training images set aside for validation. `identities` number the labels of a Part.
    `targets` are by path, where a label is not what is learned.
    """

    dataset: Dataset
    kind: str
    names: tuple[str, ...]
    identities: tuple[str, ...]
    held: Indices
    targets: Mapping[str, Sequence[float]] | None = None

    @property
    def kept(self) -> Indices:
        """Positions of the training images that are not held out."""
        return np.setdiff1d(np.arange(len(self.dataset.train)), self.held)

    @property
    def split_fingerprint(self) -> str:
        """Changes when another image is trained on or held out."""
        return cut_fingerprint(self.dataset.train, Cut(self.kept, _NONE, self.held), no_cameras=True)

    def summary(self) -> DataSummary:
        """What there is, as counted; test images count as a gallery."""
        train, test = self.dataset.train, self.dataset.gallery
        start = f"{len(train)} images of {len(self.names)} {self.kind} ({self.dataset.layout})"
        return DataSummary(
            layout=self.dataset.layout,
            fingerprint=self.dataset.fingerprint,
            split_fingerprint=self.split_fingerprint,
            train_images=len(train),
            train_identities=len(identities_of(train)),
            cameras=self.dataset.cameras,
            val_identities=len(identities_of(train[index] for index in self.held)),
            val_queries=0,
            val_gallery=len(self.held),
            query_images=0,
            gallery_images=len(test),
            ignored=dict(self.dataset.ignored),
            warnings=self.dataset.warnings,
            sentences={
                Protocol.VALIDATION: f"{start}; validation {len(self.held)} of them, held out",
                Protocol.TEST: f"{start}; test {len(test)} images",
            },
        )

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[LabelledData]:
        """Training images, and those of `protocol` to measure on, decoded where they are not yet.

        Under the test protocol DATASETS.COMBINEALL adds the test images to what is trained on. Raises DataError.
        """
        test = protocol is Protocol.TEST
        dataset = combined(self.dataset) if test and config.datasets.combineall else self.dataset
        opened = part_opener(config, dataset, threads, progress).open(dataset.train, config.input.size_train)
        chosen = np.intersect1d(opened.good, np.arange(len(dataset.train)) if test else self.kept)
        if len(chosen) < 2:
            raise DataError(_nothing("train on"))
        train = self._part(opened, chosen)
        evaluation = self.evaluation(config, protocol, threads=threads, progress=progress)
        return SplitData(
            train=train,
            num_classes=len(self.names),
            sampler=train_sampler(config, train.labels, train.camids),
            evaluations=(evaluation,),
            dataset_fingerprint=self.dataset.fingerprint,
            split_fingerprint=dataset.fingerprint if test else self.split_fingerprint,
            warnings=(*self.dataset.warnings, *opened.warnings, *evaluation.warnings),
            names=self.names,
        )

    def evaluation(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> LabelledData:
        """Only what is measured. Raises DataError."""
        size, opener = config.input.size_test, part_opener(config, self.dataset, threads, progress)
        train, test = self.dataset.train, protocol is Protocol.TEST
        if test:
            opened = opener.open(self.dataset.gallery, size)
            chosen = opened.good
        elif config.input.size_train == size:  # training opens them all at this size: one cache is enough
            opened = opener.open(train, size)
            chosen = np.intersect1d(self.held, opened.good)
        else:
            opened = opener.open([train[index] for index in self.held], size)
            chosen = opened.good
        if not len(chosen):
            raise DataError(_nothing("measure on"))
        which = "of the test split" if test else "held out of train"
        which += ", trained on too" if test and config.datasets.combineall else ""
        return LabelledData(
            part=self._part(opened, chosen),
            names=self.names,
            sentence=f"{len(chosen)} images, {len(self.names)} {self.kind}, {which}",
            warnings=opened.warnings,
        )

    def _part(self, opened: Opened, chosen: Indices) -> Part:
        part = opened.part(chosen, self.identities)
        if self.targets is None:
            return part
        return replace(part, targets=np.array([self.targets[one.path] for one in part.records], dtype=np.float32))


def folder_of(config: Config) -> Path | None:
    """The folder of the only data set, None for the built-in one.

    Raises DataError where DATASETS names several, or a domain of the built-in data, which is drawn for ReID.
    """
    datasets = config.datasets
    if names_several(datasets.names, datasets.tests):
        finding = Finding(
            "several-sets",
            f"{config.task.name} reads one data set, and DATASETS names several",
            hint="set DATASETS.ROOT to its folder, and DATASETS.NAMES and TESTS to one name",
            key="DATASETS.NAMES",
        )
        raise DataError(finding)
    if names_domains(datasets.names, datasets.tests):
        finding = Finding(
            "domain",
            f"{config.task.name} has no domains of the built-in data, and DATASETS names one",
            hint="leave DATASETS.NAMES and TESTS as they are, and draw others with DATASETS.SYNTHETIC.SEED",
            key="DATASETS.NAMES",
        )
        raise DataError(finding)
    if Layout.SYNTHETIC in {datasets.layout, datasets.root}:
        return None
    return data_root(datasets.root)


def prefer_test(found: Found) -> None:
    """Measure the images of test; those of val, which readers hand on as queries, where there is no test."""
    if found.gallery and found.query:
        found.warnings.append(f"{len(found.query)} images of val are not read: test is the test split")
        found.ignored["in val, beside test"] += len(found.query)
    elif found.query:
        found.gallery = found.query
    found.query = []


def held_shares(records: Sequence[ImageRecord], fraction: float, *, seed: int) -> Indices:
    """Sorted positions of `fraction` of the images of every identity, at least one; of an only image none."""
    rng = generator(seed, Purpose.SPLIT)
    held: list[int] = []
    for _, own in sorted(_by_identity(records).items()):
        wanted = min(max(1, round(fraction * len(own))), len(own) - 1)
        held += [own[place] for place in rng.permutation(len(own))[:wanted].tolist()]
    return np.array(sorted(held), dtype=np.int64)


def held_groups(records: Sequence[ImageRecord], fraction: float, *, seed: int) -> Indices:
    """Sorted positions of all images of `fraction` of the identities, at least one; one stays. Of an only one none."""
    groups = _by_identity(records)
    people = identities_of(records)
    wanted = min(max(1, round(fraction * len(people))), len(people) - 1)
    chosen = generator(seed, Purpose.SPLIT).permutation(len(people))[:wanted].tolist()
    return np.array(sorted(index for place in chosen for index in groups[people[place]]), dtype=np.int64)


def _by_identity(records: Sequence[ImageRecord]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        groups[record.pid].append(index)
    return groups


def _nothing(to: str) -> Finding:
    return Finding(
        "no-images", f"no image to {to} decodes", hint="replace the images that do not decode", key="DATASETS.CORRUPT"
    )
