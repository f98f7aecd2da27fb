"""Attributes, FastReID's FastAttr: train a yes or no to each, measure how often they are right."""

from __future__ import annotations

import numpy as np
import torch

from reid_core.config import Config
from reid_core.data.labelled import LabelledData, LabelledSet, folder_of, held_groups
from reid_core.data.pipeline import SplitData
from reid_core.data.records import identities_of
from reid_core.data.synthetic.images import SyntheticParameters
from reid_core.engine.compute import Compute
from reid_core.engine.scoring import measured_scores, scoring_conditions
from reid_core.errors import ConfigError, DataError, Finding
from reid_core.evaluation import AttributeMetrics, attribute_metrics
from reid_core.losses import Losses
from reid_core.losses.binary import positive_shares
from reid_core.losses.compose import binary_term
from reid_core.modeling import Architecture
from reid_core.results import GroupMetrics
from reid_core.tasks.attributes.synthetic import synthetic_attributes
from reid_core.tasks.attributes.table import read_attributes
from reid_core.tasks.labelled import LabelledTask
from reid_core.tasks.task import Measured

__all__ = ["AttributesTask"]


class AttributesTask(LabelledTask):
    """Every image has each of several attributes or has it not, or nobody knows."""

    yes_or_no = True

    def read(self, config: Config) -> LabelledSet:
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

    def check(self, data: LabelledData) -> None:
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

    def measure(
        self, model: Architecture, data: LabelledData, config: Config, compute: Compute, *, epoch: int
    ) -> Measured:
        """Answer yes from a probability of TEST.THRES on, with TEST.FLIP of two views."""
        threshold = config.test.thres
        found = measured_scores(model, data, config, compute, epoch=epoch)
        chances = torch.from_numpy(found).double().sigmoid().numpy()
        told = attribute_metrics(chances >= threshold, np.asarray(data.part.learned, np.float32))
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
            conditions=f"yes from a probability of {threshold:g}; {scoring_conditions(flip=config.test.flip.enabled)}",
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
