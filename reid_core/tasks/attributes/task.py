"""Attributes, FastReID's FastAttr: train a yes or no to each, measure how often they are right."""

from __future__ import annotations

import numpy as np
import torch

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.labelled import LabelledData, LabelledSet, folder_of, held_groups
from reid_core.data.loader import eval_batches
from reid_core.data.pipeline import SplitData
from reid_core.data.records import identities_of
from reid_core.data.synthetic.images import SyntheticParameters
from reid_core.engine.compute import Compute
from reid_core.engine.scoring import check_width, finite_scores, scores, scoring_conditions
from reid_core.errors import ConfigError, DataError, Finding
from reid_core.evaluation import AttributeMetrics, attribute_metrics
from reid_core.losses import Losses
from reid_core.losses.binary import positive_shares
from reid_core.losses.compose import binary_term
from reid_core.modeling import Architecture
from reid_core.results import DataSummary, GroupMetrics, Protocol
from reid_core.tasks.attributes.synthetic import synthetic_attributes
from reid_core.tasks.attributes.table import read_attributes
from reid_core.tasks.task import Measured, Task

__all__ = ["AttributesTask"]


class AttributesTask(Task[LabelledData]):
    """Every image has each of several attributes or has it not, or nobody knows."""

    scored = True
    yes_or_no = True

    def summary(self, config: Config) -> DataSummary:
        """Count images and attributes."""
        return _read(config).summary()

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[LabelledData]:
        """Images to train on, and those of other persons, or the test split, to measure on."""
        data = _read(config).open(config, protocol, threads=threads, progress=progress)
        _check_answers(data.evaluation)
        return data

    def evaluations(
        self, config: Config, protocol: Protocol, *, threads: int | None = None
    ) -> tuple[LabelledData, ...]:
        """The images to say yes or no to."""
        data = _read(config).evaluation(config, protocol, threads=threads)
        _check_answers(data)
        return (data,)

    def model(self, config: Config, classes: int, *, pretrained: bool = True) -> Architecture:
        """The model for `classes` attributes. Raises ConfigError where MODEL.HEADS.NUM_CLASSES is another number."""
        asked = config.model.heads.num_classes
        if asked not in {0, classes}:
            raise ConfigError(
                Finding(
                    "impossible",
                    f"MODEL.HEADS.NUM_CLASSES is {asked}, and there are {classes} attributes",
                    hint="set it to 0",
                    key="MODEL.HEADS.NUM_CLASSES",
                )
            )
        return super().model(config, classes, pretrained=pretrained)

    def losses(self, config: Config, model: Architecture, data: SplitData[LabelledData] | None) -> Losses:
        """Binary cross-entropy; with MODEL.LOSSES.BCE.WEIGHT_ENABLED weighted by the shares in the training images."""
        settings, targets = config.model.losses, None if data is None else data.train.targets
        if targets is None or not settings.bce.weight_enabled:
            return super().losses(config, model, data)
        term = binary_term(settings, positive_shares(torch.from_numpy(targets)))
        return Losses([dict.fromkeys(model.metric_dims, term)])

    def names(self, data: LabelledData) -> tuple[str, ...]:
        """The attributes, as the data names them."""
        return data.names

    def measure(
        self, model: Architecture, data: LabelledData, config: Config, compute: Compute, *, epoch: int
    ) -> Measured:
        """Answer yes from a probability of TEST.THRES on, with TEST.FLIP of two views."""
        check_width(model, data, config)
        part, flip, threshold = data.part, config.test.flip.enabled, config.test.thres
        batches = eval_batches(part.images, part.camids, config.test.ims_per_batch)
        found = finite_scores(scores(model, batches, compute, flip=flip), epoch)
        chances = torch.from_numpy(found).double().sigmoid().numpy()
        told = attribute_metrics(chances >= threshold, np.asarray(part.learned, np.float32))
        return Measured(
            metrics={
                "mA": told.mean_accuracy,
                "accuracy": told.accuracy,
                "precision": told.precision,
                "recall": told.recall,
                "F1": told.f1,
            },
            counts={"images": len(found), "attributes": len(data.names)},
            groups={"attribute": _by_attribute(told, data.names)},
            conditions=f"yes from a probability of {threshold:g}; {scoring_conditions(flip=flip)}",
        )


def _read(config: Config) -> LabelledSet:
    """The data of DATASETS and its validation split, without decoding an image."""
    datasets, root = config.datasets, folder_of(config)
    if root is None:
        table = synthetic_attributes(SyntheticParameters.of(datasets.synthetic))
    else:
        table = read_attributes(root, skip_bad=datasets.corrupt == "skip")
    dataset = table.dataset
    held = held_groups(dataset.train, datasets.val_fraction, seed=datasets.val_seed)
    if not len(held):
        raise DataError(_ONE_PERSON)
    people = identities_of((*dataset.train, *dataset.gallery))
    return LabelledSet(dataset, "attributes", table.names, people, held, table.targets)


def _check_answers(data: LabelledData) -> None:
    """Raise DataError where no attribute has both answers among what is measured."""
    answers = np.asarray(data.part.learned, np.float32)
    if not ((answers == 0).any(axis=0) & (answers > 0).any(axis=0)).any():
        raise DataError(
            Finding(
                "one-answer",
                f"no attribute has both answers among the images measured ({data.sentence})",
                hint="add images; for validation raise DATASETS.VAL_FRACTION",
                key="DATASETS.VAL_FRACTION",
            )
        )


def _by_attribute(told: AttributeMetrics, names: tuple[str, ...]) -> tuple[GroupMetrics, ...]:
    """What is known of each attribute: without the shares of nothing."""
    columns = {"mA": told.balanced, "precision": told.precisions, "recall": told.recalls}
    return tuple(
        GroupMetrics(
            name,
            int(told.known[place]),
            {key: float(values[place]) for key, values in columns.items() if values[place] >= 0},
        )
        for place, name in enumerate(names)
        if told.known[place]
    )


_ONE_PERSON = Finding(
    "one-identity",
    "all training images show one person: nobody can be set aside for validation",
    hint="add others, or leave the pid column out",
    key="DATASETS.ROOT",
)
