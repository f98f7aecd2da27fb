"""From a configuration to data: the only module here that knows configuration keys."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from reid_core.config import Config
from reid_core.config.availability import GROUPING_SAMPLERS
from reid_core.data.cache import ImageCache, Progress, cache_folder
from reid_core.data.parts import EvaluationData, Part, PartOpener
from reid_core.data.places import domain_places, find_places, names_domains, names_several
from reid_core.data.records import Dataset, Indices, Layout, identities_of
from reid_core.data.remote import data_root
from reid_core.data.samplers import Sampler
from reid_core.data.sampling import train_sampler
from reid_core.data.sets import DataSets, combined, joined_sets, read_sets, set_numbers
from reid_core.data.sources import Interpolation
from reid_core.data.split import Cut, cut, cut_fingerprint
from reid_core.data.synthetic.domain import domain_number
from reid_core.data.synthetic.images import SyntheticParameters, synthetic_dataset
from reid_core.errors import DataError, Finding
from reid_core.results import DataSummary, Protocol, SetSummary

__all__ = [
    "SplitData",
    "load_datasets",
    "open_evaluations",
    "open_split",
    "open_training",
    "part_opener",
    "sampling_warnings",
    "summary",
    "validation_cut",
]


E = TypeVar("E")
"""What a task measures a model on."""


@dataclass(frozen=True, slots=True, eq=False)
class SplitData(Generic[E]):
    """Training and evaluation data under one protocol; `sampler` knows the batches of an epoch.

    Several data sets to test on are several `evaluations`, in the order of DATASETS.TESTS; choices follow the first.
    `split_fingerprint` changes when another image is trained on or measured. `names` are those of what a model says of
    an image (classes, attributes), for tasks whose measured images are told the same.
    """

    train: Part
    num_classes: int
    sampler: Sampler
    evaluations: tuple[E, ...]
    dataset_fingerprint: str
    split_fingerprint: str
    warnings: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def evaluation(self) -> E:
        """The first of `evaluations`, often the only one."""
        return self.evaluations[0]

    @property
    def batches_per_epoch(self) -> int:
        """How many batches every epoch has."""
        return self.sampler.batches_per_epoch


def load_datasets(config: Config) -> DataSets:
    """Read the data sets of DATASETS without decoding an image. Raises DataError."""
    datasets = config.datasets
    layout = None if datasets.layout == "auto" else Layout(datasets.layout)
    if Layout.SYNTHETIC in {datasets.layout, datasets.root}:
        parameters = SyntheticParameters.of(datasets.synthetic)
        if names_domains(datasets.names, datasets.tests):
            domains = domain_places(datasets.names, datasets.tests)
            drawn = (replace(parameters, domain=domain_number(place.root.name)) for place in domains)
            return joined_sets(domains, [synthetic_dataset(one) for one in drawn])
        if not names_several(datasets.names, datasets.tests):
            return DataSets.single(synthetic_dataset(parameters))
    places = find_places(data_root(datasets.root), layout, datasets.names, datasets.tests)
    return read_sets(places, no_cameras=datasets.no_cameras, skip_bad=datasets.corrupt == "skip")


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
    """Count what the data sets and the validation split hold, without decoding an image. Raises DataError."""
    sets = load_datasets(config)
    dataset, tests = sets.train, sets.tests.values()
    parts = validation_cut(config, dataset)
    held = len({dataset.train[index].pid for index in parts.gallery})
    identities = len(identities_of(dataset.train))
    return DataSummary(
        layout=dataset.layout,
        fingerprint=sets.fingerprint,
        split_fingerprint=cut_fingerprint(dataset.train, parts, no_cameras=config.datasets.no_cameras),
        train_images=len(dataset.train),
        train_identities=identities,
        cameras=dataset.cameras,
        val_identities=held,
        val_queries=len(parts.query),
        val_gallery=len(parts.gallery),
        query_images=sum(len(test.query) for test in tests),
        gallery_images=sum(len(test.gallery) for test in tests),
        ignored=dict(sets.ignored),
        warnings=(*sets.warnings, *sampling_warnings(config, identities - held)),
        sets=tuple(
            SetSummary(
                name=part.name,
                layout=part.dataset.layout,
                trained=part.trained,
                tested=part.tested,
                train_images=len(part.dataset.train),
                train_identities=len(identities_of(part.dataset.train)),
                cameras=part.dataset.cameras,
                query_images=len(part.dataset.query),
                gallery_images=len(part.dataset.gallery),
            )
            for part in sets.parts
        ),
    )


def open_split(
    config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
) -> SplitData[EvaluationData]:
    """Training and evaluation data, decoded into the cache where they are not there yet.

    Under the test protocol DATASETS.COMBINEALL adds query and gallery to what is trained on. `threads` decode (default:
    one per CPU). Raises DataError, also for images that do not decode (unless DATASETS.CORRUPT is skip), and
    ReidTuneError where the cache cannot be written.
    """
    sets = load_datasets(config)
    test = protocol is Protocol.TEST
    dataset = combined(sets.train) if test and config.datasets.combineall else sets.train
    wanted = np.arange(len(dataset.train))
    if test:
        split = sets.fingerprint if dataset is sets.train else f"{sets.fingerprint}+{dataset.fingerprint}"
    else:
        parts = validation_cut(config, dataset)
        wanted = parts.train
        split = cut_fingerprint(dataset.train, parts, no_cameras=config.datasets.no_cameras)
    train, identities, spoiled = open_training(config, dataset, wanted, threads=threads, progress=progress)
    evaluations = _evaluations(config, sets, protocol, threads, progress)
    measured = [warning for evaluation in evaluations for warning in evaluation.warnings]
    return SplitData(
        train=train,
        num_classes=identities,
        sampler=train_sampler(config, train.labels, train.camids, set_numbers(dataset, train.records)),
        evaluations=evaluations,
        dataset_fingerprint=sets.fingerprint,
        split_fingerprint=split,
        warnings=(*sets.warnings, *spoiled, *measured, *sampling_warnings(config, identities)),
    )


def open_training(
    config: Config, dataset: Dataset, wanted: Indices, *, threads: int | None = None, progress: Progress | None = None
) -> tuple[Part, int, tuple[str, ...]]:
    """Those training images at positions `wanted` that decode, how many identities they show, and warnings.

    Raises DataError as `open_split` does.
    """
    opened = part_opener(config, dataset, threads, progress).open(dataset.train, config.input.size_train)
    wanted = np.intersect1d(wanted, opened.good)
    identities = identities_of(dataset.train[index] for index in wanted)
    if len(identities) < 2:
        raise DataError(_TOO_FEW_DECODE)
    return opened.part(wanted, identities), len(identities), opened.warnings


def open_evaluations(
    config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
) -> tuple[EvaluationData, ...]:
    """Only what is measured: as `open_split`, for when nothing is trained."""
    return _evaluations(config, load_datasets(config), protocol, threads, progress)


def part_opener(
    config: Config, dataset: Dataset, threads: int | None = None, progress: Progress | None = None
) -> PartOpener:
    """What opens images of `dataset` through this machine's cache."""
    folder = cache_folder(config.dataloader.cache_dir)
    interpolation = Interpolation(config.input.interpolation)
    cache = ImageCache(folder, threads=threads or os.cpu_count() or 1, progress=progress, interpolation=interpolation)
    datasets = config.datasets
    return PartOpener(dataset, cache, no_cameras=datasets.no_cameras, skip_corrupt=datasets.corrupt == "skip")


def _evaluations(
    config: Config, sets: DataSets, protocol: Protocol, threads: int | None, progress: Progress | None
) -> tuple[EvaluationData, ...]:
    size = config.input.size_test
    if protocol is Protocol.TEST:
        trained_on = sets.seen if config.datasets.combineall else frozenset[str]()
        return tuple(
            part_opener(config, test, threads, progress).test(size, name=name, trained_on=name in trained_on)
            for name, test in sets.tests.items()
        )
    opener = part_opener(config, sets.train, threads, progress)
    same = config.input.size_train == size
    return (opener.held_out(validation_cut(config, sets.train), size, whole=same),)


def sampling_warnings(config: Config, identities: int) -> list[str]:
    """What works, and people should know: a batch must repeat identities, weights have no effect."""
    loader, warnings = config.dataloader, []
    wanted = config.solver.ims_per_batch // loader.num_instance
    if loader.sampler_train in GROUPING_SAMPLERS and wanted > identities:
        asked = f"a batch asks for {wanted} identities (SOLVER.IMS_PER_BATCH / DATALOADER.NUM_INSTANCE)"
        warnings.append(f"{asked} and {identities} are trained on: identities repeat within a batch")
    if loader.set_weight and loader.sampler_train != "SetReWeightSampler":
        warnings.append(f"DATALOADER.SET_WEIGHT changes nothing: {loader.sampler_train} does not read it")
    return warnings


_TOO_FEW_DECODE = Finding(
    "one-identity",
    "the training images that decode show fewer than two identities",
    hint="replace the images that do not decode",
    key="DATASETS.CORRUPT",
)
