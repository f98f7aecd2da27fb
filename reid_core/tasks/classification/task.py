"""Classification, FastReID's FastClas: train a classifier, measure how often it names the class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_core.config import Config
from reid_core.data.labelled import LabelledData, LabelledSet, folder_of, held_shares
from reid_core.data.records import Labels, Layout, identities_of
from reid_core.data.synthetic.images import SyntheticParameters
from reid_core.engine.compute import Compute
from reid_core.engine.scoring import measured_scores, scoring_conditions
from reid_core.errors import DataError, Finding
from reid_core.evaluation import class_accuracy, class_ranks, mean_cross_entropy
from reid_core.modeling import Architecture
from reid_core.results import GroupMetrics
from reid_core.tasks.classification.folders import read_classes
from reid_core.tasks.classification.synthetic import synthetic_classes
from reid_core.tasks.labelled import LabelledTask
from reid_core.tasks.task import Measured

__all__ = ["ClassificationTask"]


class ClassificationTask(LabelledTask):
    """Every image is of one class, and both splits have the same classes."""

    def read(self, config: Config) -> LabelledSet:
        """The data of DATASETS and its validation split, without decoding an image."""
        datasets, root = config.datasets, folder_of(config)
        if root is None:
            dataset = synthetic_classes(SyntheticParameters.of(datasets.synthetic))
        else:
            layout = None if datasets.layout == "auto" else Layout(datasets.layout)
            dataset = read_classes(root, layout, skip_bad=datasets.corrupt == "skip")
        held = held_shares(dataset.train, datasets.val_fraction, seed=datasets.val_seed)
        if not len(held):
            raise DataError(_ONE_EACH)
        names = identities_of(dataset.train)
        return LabelledSet(dataset, "classes", names, names, held)

    def measure(
        self, model: Architecture, data: LabelledData, config: Config, compute: Compute, *, epoch: int
    ) -> Measured:
        """Score the images, with TEST.FLIP in two views."""
        labels = data.part.labels
        found = measured_scores(model, data, config, compute, epoch=epoch)
        ranks = class_ranks(found, labels)
        return Measured(
            metrics={
                "top1": class_accuracy(ranks, 1),
                "top5": class_accuracy(ranks, 5),
                "cross_entropy": mean_cross_entropy(found, labels),
            },
            counts={"images": len(ranks), "classes": len(data.names)},
            groups={"class": _by_class(ranks, labels, data.names)},
            conditions=scoring_conditions(flip=config.test.flip.enabled),
        )


def _by_class(ranks: npt.NDArray[np.int64], labels: Labels, names: tuple[str, ...]) -> tuple[GroupMetrics, ...]:
    """How many images of each class there are, and the share whose class was named; classes without images are left."""
    counts = np.bincount(labels, minlength=len(names))
    right = np.bincount(labels[ranks == 0], minlength=len(names))
    return tuple(
        GroupMetrics(name, count, {"top1": hits / count})
        for name, count, hits in zip(names, counts.tolist(), right.tolist(), strict=True)
        if count
    )


_ONE_EACH = Finding(
    "too-few-images",
    "every class has one image to train on: none can be set aside for validation",
    hint="add images",
    key="DATASETS.ROOT",
)
