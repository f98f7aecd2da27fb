"""Images to pre-train on: the training images of a data set, or every image below a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from reid_core.config import Config
from reid_core.data.cache import ImageCache, Progress, cache_folder
from reid_core.data.files import Found, scan
from reid_core.data.images import ImageArray
from reid_core.data.layouts.recognise import file_fingerprint
from reid_core.data.parts import EvaluationData, Part, PartOpener
from reid_core.data.pipeline import SplitData, open_evaluations, open_split, summary
from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import NO_CAMERA, Dataset, ImageRecord, Indices, Layout
from reid_core.data.remote import data_root
from reid_core.data.sources import FileSource, Interpolation
from reid_core.errors import DataError, Finding
from reid_core.results import DataSummary, Protocol
from reid_core.tasks.pretraining.sampler import TwoViewSampler

__all__ = ["Held", "describe", "open_held", "open_images"]

_LEAST = 4
"""Images: two to train on and two to tell apart."""
_TELLING = 32  # among fewer images the nearest is often the right one by chance or by colour alone

_NO_TEST = "there are no identities, so that both protocols measure on the same images held out of training"


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Images that nothing is trained on; `retrieval` where it is known who is on them."""

    images: ImageArray
    sentence: str
    warnings: tuple[str, ...]
    retrieval: EvaluationData | None = None
    name: str = ""

    @property
    def pixels(self) -> tuple[ImageArray, ...]:
        """The images to embed, once each."""
        return (self.images,) if self.retrieval is None else self.retrieval.pixels


def describe(config: Config) -> DataSummary:
    """Count images, without decoding one. Raises DataError."""
    known = _labelled(config)
    if isinstance(known, DataSummary):
        return known
    dataset, warnings = _folder(config, known)
    held = _held_out(config, len(dataset.train))
    sentence = f"{len(held)} of {len(dataset.train)} images held out of training"
    return DataSummary(
        layout="images",
        fingerprint=dataset.fingerprint,
        split_fingerprint=_split(config, dataset),
        train_images=len(dataset.train),
        train_identities=0,
        cameras=0,
        val_identities=0,
        val_queries=0,
        val_gallery=len(held),
        query_images=0,
        gallery_images=len(held),
        ignored=dataset.ignored,
        warnings=warnings,
        sentences=dict.fromkeys(Protocol, sentence),
    )


def open_images(
    config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
) -> SplitData[Held]:
    """Images to train on, numbered, in batches of two views each, and those to measure on. Raises DataError."""
    known = _labelled(config)
    if isinstance(known, DataSummary):
        data = open_split(config, protocol, threads=threads, progress=progress)
        held = tuple(_with_identities(one) for one in data.evaluations)
        return _numbered(config, data.train, held, data.dataset_fingerprint, data.split_fingerprint, data.warnings)
    dataset, warnings = _folder(config, known)
    train, held_out = _parts(config, dataset, threads, progress)
    warnings = (*warnings, *held_out.warnings)
    return _numbered(config, train, (held_out,), dataset.fingerprint, _split(config, dataset), warnings)


def open_held(config: Config, protocol: Protocol, *, threads: int | None = None) -> tuple[Held, ...]:
    """Only what is measured. Raises DataError."""
    known = _labelled(config)
    if isinstance(known, DataSummary):
        return tuple(_with_identities(one) for one in open_evaluations(config, protocol, threads=threads))
    return (_parts(config, _folder(config, known)[0], threads, None)[1],)


def _labelled(config: Config) -> DataSummary | str:
    """What the data set holds where its layout says who is on an image; else why it is read without labels.

    A layout that is given must fit. Raises DataError.
    """
    datasets = config.datasets
    if config.task.pretraining.identities == "ignore" and datasets.root != "synthetic":
        return "TASK.PRETRAINING.IDENTITIES is ignore"
    try:
        return summary(config)
    except DataError as error:
        root = data_root(datasets.root)
        if datasets.layout != "auto" or not (root.is_dir() and scan(root)[0]):
            raise
        return error.findings[0].message


def _folder(config: Config, why: str) -> tuple[Dataset, tuple[str, ...]]:
    """Every image below DATASETS.ROOT, each as an identity of its own. Raises DataError."""
    root = data_root(config.datasets.root)
    if not root.is_dir():
        raise DataError(
            Finding("missing-folder", "the data folder does not exist", file=str(root), hint="check --data")
        )
    paths, ignored = scan(root)
    if len(paths) < _LEAST:
        raise DataError(
            Finding(
                "too-few-images",
                f"there are {len(paths)} images in it, and pre-training needs {_LEAST}",
                file=str(root),
                hint="name the folder that holds the images with --data (DATASETS.ROOT)",
                key="DATASETS.ROOT",
            )
        )
    records = tuple(ImageRecord(path, path, NO_CAMERA) for path in paths)
    fingerprint = file_fingerprint(root, Found(train=list(records)))
    counted = {reason: count for reason, count in sorted(ignored.items()) if count > 0}
    dataset = Dataset(Layout.FOLDERS, records, (), (), fingerprint, FileSource(root), counted)
    warnings: tuple[str, ...] = (f"the images are read without identities: {why}", _NO_TEST)
    if config.datasets.combineall:
        warnings += ("DATASETS.COMBINEALL changes nothing: every image is read, and no test split is known",)
    return dataset, warnings


def _held_out(config: Config, images: int) -> Indices:
    """Sorted positions of DATASETS.VAL_FRACTION of the images, two at least, drawn by VAL_SEED."""
    count = min(max(2, round(config.datasets.val_fraction * images)), images - 2)
    return np.sort(generator(config.datasets.val_seed, Purpose.SPLIT).permutation(images)[:count])


def _split(config: Config, dataset: Dataset) -> str:
    return f"{dataset.fingerprint}/{config.datasets.val_seed}/{len(_held_out(config, len(dataset.train)))}"


def _parts(config: Config, dataset: Dataset, threads: int | None, progress: Progress | None) -> tuple[Part, Held]:
    """The images to train on and those held out, decoded at INPUT.SIZE_TRAIN and SIZE_TEST."""
    cache = ImageCache(
        cache_folder(config.dataloader.cache_dir),
        threads=threads or os.cpu_count() or 1,
        progress=progress,
        interpolation=Interpolation(config.input.interpolation),
    )
    opener = PartOpener(dataset, cache, no_cameras=True, skip_corrupt=config.datasets.corrupt == "skip")
    records = dataset.train
    held = _held_out(config, len(records))
    opened = opener.open(records, config.input.size_train)
    train = np.setdiff1d(opened.good, held)
    measured = opener.open([records[index] for index in held], config.input.size_test)
    images = measured.images.subset(measured.good)
    if len(train) < 2 or len(images) < 2:
        raise DataError(Finding("too-few-images", "fewer than two images decode", hint="replace those that do not"))
    sentence = f"{len(images)} images held out of training"
    part = opened.part(train, [records[index].pid for index in train])
    return part, Held(images, sentence, (*opened.warnings, *measured.warnings, *_few(len(images))))


def _with_identities(data: EvaluationData) -> Held:
    images = data.gallery.images
    return Held(images, data.sentence, (*data.warnings, *_few(len(images))), data, data.name)


def _few(count: int) -> tuple[str, ...]:
    """A warning where telling images apart is too easy to say anything of a model."""
    if count >= _TELLING:
        return ()
    return (f"contrast_accuracy is measured on {count} images only: with so few even a poor model tells them apart",)


def _numbered(
    config: Config,
    train: Part,
    held: tuple[Held, ...],
    dataset: str,
    split: str,
    warnings: tuple[str, ...],
) -> SplitData[Held]:
    """Training images whose labels are their numbers; there is no class to learn."""
    part = replace(train, labels=np.arange(len(train.records), dtype=np.int64))
    sampler = TwoViewSampler(len(train.records), config.solver.ims_per_batch)
    return SplitData(part, 1, sampler, held, dataset, split, warnings)
