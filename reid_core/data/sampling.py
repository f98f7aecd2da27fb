"""From DATALOADER.SAMPLER_TRAIN to a sampler."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reid_core.config import Config
from reid_core.data.drawn_samplers import IdAvgProbSampler, ImbalancedDatasetSampler, SetReWeightSampler
from reid_core.data.records import Labels
from reid_core.data.samplers import BalancedIdentitySampler, NaiveIdentitySampler, Sampler, TrainingSampler
from reid_core.errors import DataError, Finding

__all__ = ["SAMPLERS", "train_sampler"]


def train_sampler(config: Config, labels: Labels, camids: Labels, sets: Labels | None = None) -> Sampler:
    """The sampler of DATALOADER.SAMPLER_TRAIN for training images with these labels, cameras and data sets (N,).

    Without `sets` all images are of one data set. Raises DataError where DATALOADER.SET_WEIGHT has other data sets.
    """
    name = config.dataloader.sampler_train
    if name not in SAMPLERS:
        raise ValueError(f"there is no sampler {name}; the configuration's check should have said so")
    return SAMPLERS[name](config, labels, camids, np.zeros_like(labels) if sets is None else sets)


def _groups(config: Config) -> tuple[int, int]:
    """P identities of K images in a batch."""
    instances = config.dataloader.num_instance
    return config.solver.ims_per_batch // instances, instances


def _reweighted(config: Config, labels: Labels, camids: Labels, sets: Labels) -> Sampler:
    weights, found = config.dataloader.set_weight, len(np.unique(sets))
    if len(weights) != found:
        raise DataError(
            Finding(
                "set-weight",
                f"DATALOADER.SET_WEIGHT has {len(weights)} weights, and {found} data sets are trained on",
                hint="give one weight for each of DATASETS.NAMES, which must be found as several data sets",
                key="DATALOADER.SET_WEIGHT",
            )
        )
    return SetReWeightSampler(labels, camids, sets, weights, *_groups(config))


SAMPLERS: dict[str, Callable[[Config, Labels, Labels, Labels], Sampler]] = {
    "BalancedIdentitySampler": lambda config, labels, camids, _: BalancedIdentitySampler(
        labels, camids, *_groups(config)
    ),
    "IdAvgProbSampler": lambda config, labels, camids, _: IdAvgProbSampler(labels, camids, *_groups(config)),
    "ImbalancedDatasetSampler": lambda config, labels, *_: ImbalancedDatasetSampler(
        labels, config.solver.ims_per_batch
    ),
    "NaiveIdentitySampler": lambda config, labels, camids, _: NaiveIdentitySampler(labels, camids, *_groups(config)),
    "SetReWeightSampler": _reweighted,
    "TrainingSampler": lambda config, labels, *_: TrainingSampler(len(labels), config.solver.ims_per_batch),
}
"""`DATALOADER.SAMPLER_TRAIN` -> a function of the configuration, labels, cameras and data sets (N,)."""
