"""From a configuration to data: the only module here that knows configuration keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reid_core.api import DataSummary, Protocol
from reid_core.config import Config
from reid_core.config.availability import GROUPING_SAMPLERS
from reid_core.data.cache import ImageCache, Progress, cache_folder
from reid_core.data.layouts import read_dataset
from reid_core.data.parts import EvaluationData, Part, PartOpener
from reid_core.data.records import Dataset, Labels, Layout, identities_of
from reid_core.data.samplers import BalancedIdentitySampler, NaiveIdentitySampler, Sampler, TrainingSampler
from reid_core.data.split import Cut, cut, cut_fingerprint
from reid_core.data.synthetic import SyntheticParameters, synthetic_dataset
from reid_core.data.transforms import Augmentation, Crop, Erasing, PadMode, TrainTransform
from reid_core.errors import DataError, Finding

__all__ = [
    "SAMPLERS",
    "SplitData",
    "load_dataset",
    "open_evaluation",
    "open_split",
    "summary",
    "train_sampler",
    "train_transform",
    "validation_cut",
]


@dataclass(frozen=True, slots=True, eq=False)
class SplitData:
    """Training and evaluation data under one protocol; `sampler` knows the batches of an epoch.

    `split_fingerprint` changes when another image is trained on or measured.
    """

    train: Part
    num_classes: int
    sampler: Sampler
    evaluation: EvaluationData
    dataset_fingerprint: str
    split_fingerprint: str
    warnings: tuple[str, ...]

    @property
    def batches_per_epoch(self) -> int:
        """How many batches every epoch has."""
        return self.sampler.batches_per_epoch


def load_dataset(config: Config) -> Dataset:
    """Read the data set of DATASETS without decoding an image. Raises DataError."""
    datasets = config.datasets
    if Layout.SYNTHETIC in {datasets.layout, datasets.root}:
        return synthetic_dataset(SyntheticParameters(**datasets.synthetic.model_dump(by_alias=False)))
    return read_dataset(
        Path(datasets.root).expanduser(),
        None if datasets.layout == "auto" else Layout(datasets.layout),
        no_cameras=datasets.no_cameras,
        skip_bad=datasets.corrupt == "skip",
    )


def validation_cut(config: Config, dataset: Dataset) -> Cut:
    """The validation split of DATASETS.VAL_FRACTION and VAL_SEED, as positions in `dataset.train`."""
    return cut(
        dataset.train,
        config.datasets.val_fraction,
        seed=config.datasets.val_seed,
        no_cameras=config.datasets.no_cameras,
        purpose="validation split",
    )


def summary(config: Config) -> DataSummary:
    """Count what the data set and its validation split hold, without decoding an image. Raises DataError."""
    dataset = load_dataset(config)
    parts = validation_cut(config, dataset)
    held = len({dataset.train[index].pid for index in parts.gallery})
    identities = len(identities_of(dataset.train))
    return DataSummary(
        layout=dataset.layout,
        fingerprint=dataset.fingerprint,
        split_fingerprint=cut_fingerprint(dataset.train, parts, no_cameras=config.datasets.no_cameras),
        train_images=len(dataset.train),
        train_identities=identities,
        cameras=dataset.cameras,
        val_identities=held,
        val_queries=len(parts.query),
        val_gallery=len(parts.gallery),
        query_images=len(dataset.query),
        gallery_images=len(dataset.gallery),
        ignored=dict(dataset.ignored),
        warnings=(*dataset.warnings, *_scarcity(config, identities - held)),
    )


def open_split(
    config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
) -> SplitData:
    """Training and evaluation data, decoded into the cache where they are not there yet.

    `threads` decode (default: one per CPU). Raises DataError, also for images that do not decode (unless
    DATASETS.CORRUPT is skip), and ReidTuneError where the cache cannot be written.
    """
    dataset = load_dataset(config)
    opened = _opener(config, dataset, threads, progress).open(dataset.train, config.input.size_train)
    wanted, split = opened.good, dataset.fingerprint
    if protocol is Protocol.VALIDATION:
        parts = validation_cut(config, dataset)
        wanted = np.intersect1d(parts.train, wanted)
        split = cut_fingerprint(dataset.train, parts, no_cameras=config.datasets.no_cameras)
    identities = identities_of(dataset.train[index] for index in wanted)
    if len(identities) < 2:
        raise DataError(_TOO_FEW_DECODE)
    train = opened.part(wanted, identities)
    evaluation = _evaluation(config, dataset, protocol, threads, progress)
    return SplitData(
        train=train,
        num_classes=len(identities),
        sampler=train_sampler(config, train.labels, train.camids),
        evaluation=evaluation,
        dataset_fingerprint=dataset.fingerprint,
        split_fingerprint=split,
        warnings=(*dataset.warnings, *opened.warnings, *evaluation.warnings, *_scarcity(config, len(identities))),
    )


def open_evaluation(
    config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
) -> EvaluationData:
    """Only what is measured: as `open_split`, for when nothing is trained."""
    return _evaluation(config, load_dataset(config), protocol, threads, progress)


def train_sampler(config: Config, labels: Labels, camids: Labels) -> Sampler:
    """The sampler of DATALOADER.SAMPLER_TRAIN for training images with these labels and cameras (N,)."""
    name = config.dataloader.sampler_train
    if name not in SAMPLERS:
        raise ValueError(f"there is no sampler {name}; the configuration's check should have said so")
    return SAMPLERS[name](config, labels, camids)


def train_transform(config: Config, seed: int) -> TrainTransform:
    """The augmentation of INPUT."""
    flip, padding, rea = config.input.flip, config.input.padding, config.input.rea
    value = rea.value if len(rea.value) == 3 else rea.value[:1] * 3
    augmentation = Augmentation(
        flip_prob=flip.prob if flip.enabled else 0.0,
        crop=Crop(padding.size, PadMode(padding.mode)) if padding.enabled else None,
        erasing=Erasing(rea.prob, (value[0], value[1], value[2])) if rea.enabled else None,
    )
    return TrainTransform(augmentation, seed)


def _opener(config: Config, dataset: Dataset, threads: int | None, progress: Progress | None) -> PartOpener:
    folder = cache_folder(config.dataloader.cache_dir)
    cache = ImageCache(folder, threads=threads or os.cpu_count() or 1, progress=progress)
    datasets = config.datasets
    return PartOpener(dataset, cache, no_cameras=datasets.no_cameras, skip_corrupt=datasets.corrupt == "skip")


def _evaluation(
    config: Config, dataset: Dataset, protocol: Protocol, threads: int | None, progress: Progress | None
) -> EvaluationData:
    opener = _opener(config, dataset, threads, progress)
    if protocol is Protocol.TEST:
        return opener.test(config.input.size_test)
    same = config.input.size_train == config.input.size_test
    return opener.held_out(validation_cut(config, dataset), config.input.size_test, whole=same)


def _scarcity(config: Config, identities: int) -> list[str]:
    """Whether a batch must repeat identities: it works, and people should know."""
    wanted = config.solver.ims_per_batch // config.dataloader.num_instance
    if config.dataloader.sampler_train not in GROUPING_SAMPLERS or wanted <= identities:
        return []
    asked = f"a batch asks for {wanted} identities (SOLVER.IMS_PER_BATCH / DATALOADER.NUM_INSTANCE)"
    return [f"{asked} and {identities} are trained on: identities repeat within a batch"]


def _groups(config: Config) -> tuple[int, int]:
    """P identities of K images in a batch."""
    instances = config.dataloader.num_instance
    return config.solver.ims_per_batch // instances, instances


SAMPLERS: dict[str, Callable[[Config, Labels, Labels], Sampler]] = {
    "BalancedIdentitySampler": lambda config, labels, camids: BalancedIdentitySampler(labels, camids, *_groups(config)),
    "NaiveIdentitySampler": lambda config, labels, camids: NaiveIdentitySampler(labels, camids, *_groups(config)),
    "TrainingSampler": lambda config, labels, _: TrainingSampler(len(labels), config.solver.ims_per_batch),
}
"""`DATALOADER.SAMPLER_TRAIN` -> a function of the configuration, labels and cameras (N,)."""

_TOO_FEW_DECODE = Finding(
    "one-identity",
    "the training images that decode show fewer than two identities",
    hint="replace the images that do not decode",
    key="DATASETS.CORRUPT",
)
