"""What instance retrieval trains on and measures: a data set without cameras, cut by classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.parts import EvaluationData
from reid_core.data.pipeline import SplitData, load_datasets, open_training, part_opener, sampling_warnings
from reid_core.data.records import Dataset, Layout, identities_of
from reid_core.data.remote import data_root
from reid_core.data.sampling import train_sampler
from reid_core.data.sets import set_numbers
from reid_core.data.split import Cut, cut, cut_fingerprint
from reid_core.results import DataSummary, Protocol
from reid_core.tasks.retrieval.layouts import read_retrieval_set

__all__ = ["Source", "open_tests", "open_training_and_tests", "summary", "without_cameras"]

_EVERY_IMAGE = 1 << 30
"""Queries of a class at most: all of its images ask."""


@dataclass(frozen=True, slots=True)
class Source:
    """A data set to train on and those to test on, by name; every test set is asked of itself where it can be."""

    train: Dataset
    tests: dict[str, Dataset]
    fingerprint: str
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, config: Config) -> Source:
        """Read DATASETS without decoding an image. Raises DataError."""
        datasets = config.datasets
        if datasets.layout == "auto" and datasets.root != Layout.SYNTHETIC:
            root = data_root(datasets.root)
            found = read_retrieval_set(root, skip_bad=datasets.corrupt == "skip")
            if found is not None:
                return cls(found, {"": found}, found.fingerprint, found.warnings)
        sets = load_datasets(config)
        tests = {name: _asked_of_itself(test) for name, test in sets.tests.items()}
        return cls(sets.train, tests, sets.fingerprint, sets.warnings)

    def held_out(self, config: Config) -> Cut:
        """Positions in the training images: whole classes, each of whose images asks for the others."""
        return cut(
            self.train.train,
            config.datasets.val_fraction,
            seed=config.datasets.val_seed,
            no_cameras=True,
            purpose="validation split",
            queries_per_camera=_EVERY_IMAGE,
        )


def without_cameras(config: Config) -> Config:
    """`config` with DATASETS.NO_CAMERAS on: a class is found in any other image."""
    return config.model_copy(update={"datasets": config.datasets.model_copy(update={"no_cameras": True})})


def summary(config: Config) -> DataSummary:
    """Count classes and images without decoding one. Raises DataError."""
    config = without_cameras(config)
    source = Source.of(config)
    train, parts = source.train, source.held_out(config)
    trained, held = len(identities_of(train.train)), len({train.train[index].pid for index in parts.gallery})
    queries = sum(len(test.query) for test in source.tests.values())
    gallery = sum(len(test.gallery) for test in source.tests.values())
    asked = f"{len(parts.query)} images of {held} classes ask for each other"
    counted = f"{len(train.train)} images of {trained} classes ({train.layout})"
    return DataSummary(
        layout=train.layout,
        fingerprint=source.fingerprint,
        split_fingerprint=cut_fingerprint(train.train, parts, no_cameras=True),
        train_images=len(train.train),
        train_identities=trained,
        cameras=0,
        val_identities=held,
        val_queries=len(parts.query),
        val_gallery=len(parts.gallery),
        query_images=queries,
        gallery_images=gallery,
        ignored=dict(train.ignored),
        warnings=(*source.warnings, *sampling_warnings(config, trained - held)),
        sentences={
            Protocol.VALIDATION: f"{counted}; validation {asked}",
            Protocol.TEST: f"{counted}; test {queries} queries x {gallery} gallery",
        },
    )


def open_training_and_tests(
    config: Config, protocol: Protocol, *, threads: int | None, progress: Progress | None
) -> SplitData[EvaluationData]:
    """Classes to train on, and others, or the test split, to measure on. Raises DataError."""
    config = without_cameras(config)
    source = Source.of(config)
    wanted = np.arange(len(source.train.train))
    split = source.fingerprint
    if protocol is Protocol.VALIDATION:
        parts = source.held_out(config)
        wanted, split = parts.train, cut_fingerprint(source.train.train, parts, no_cameras=True)
    train, classes, spoiled = open_training(config, source.train, wanted, threads=threads, progress=progress)
    evaluations = _open_tests(config, source, protocol, threads, progress)
    measured = [warning for evaluation in evaluations for warning in evaluation.warnings]
    return SplitData(
        train=train,
        num_classes=classes,
        sampler=train_sampler(config, train.labels, train.camids, set_numbers(source.train, train.records)),
        evaluations=evaluations,
        dataset_fingerprint=source.fingerprint,
        split_fingerprint=split,
        warnings=(*source.warnings, *spoiled, *measured, *sampling_warnings(config, classes)),
    )


def open_tests(config: Config, protocol: Protocol, *, threads: int | None) -> tuple[EvaluationData, ...]:
    """Only what is measured. Raises DataError."""
    config = without_cameras(config)
    return _open_tests(config, Source.of(config), protocol, threads, None)


def _open_tests(
    config: Config, source: Source, protocol: Protocol, threads: int | None, progress: Progress | None
) -> tuple[EvaluationData, ...]:
    size = config.input.size_test
    if protocol is Protocol.TEST:
        return tuple(
            part_opener(config, test, threads, progress).test(size, name=name) for name, test in source.tests.items()
        )
    opener = part_opener(config, source.train, threads, progress)
    return (opener.held_out(source.held_out(config), size, whole=config.input.size_train == size),)


def _asked_of_itself(test: Dataset) -> Dataset:
    """A set whose queries stand in its gallery asks with every image of it; In-shop and its like stay as they are."""
    inside = {record.path for record in test.gallery}.issuperset(record.path for record in test.query)
    return replace(test, query=test.gallery) if inside else test
