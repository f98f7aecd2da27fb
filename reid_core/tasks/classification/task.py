"""Classification, FastReID's FastClas: train a classifier, measure how often it names the class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.labelled import LabelledData, LabelledSet, folder_of, held_shares
from reid_core.data.loader import eval_batches
from reid_core.data.pipeline import SplitData
from reid_core.data.records import Labels, Layout, identities_of
from reid_core.data.synthetic.images import SyntheticParameters
from reid_core.engine.compute import Compute
from reid_core.engine.scoring import check_width, finite_scores, scores, scoring_conditions
from reid_core.errors import DataError, Finding
from reid_core.evaluation import class_accuracy, class_ranks, mean_cross_entropy
from reid_core.modeling import Architecture
from reid_core.results import DataSummary, GroupMetrics, Protocol
from reid_core.tasks.classification.folders import read_classes
from reid_core.tasks.classification.synthetic import synthetic_classes
from reid_core.tasks.task import Measured, Task

__all__ = ["ClassificationTask"]


class ClassificationTask(Task[LabelledData]):
    """Every image is of one class, and both splits have the same classes."""

    scored = True

    def summary(self, config: Config) -> DataSummary:
        """Count images and classes."""
        return _read(config).summary()

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[LabelledData]:
        """Images to train on, and a share of each class, or the test split, to measure on."""
        return _read(config).open(config, protocol, threads=threads, progress=progress)

    def evaluations(
        self, config: Config, protocol: Protocol, *, threads: int | None = None
    ) -> tuple[LabelledData, ...]:
        """The images to name the class of."""
        return (_read(config).evaluation(config, protocol, threads=threads),)

    def names(self, data: LabelledData) -> tuple[str, ...]:
        """The classes, as the data names them."""
        return data.names

    def measure(
        self, model: Architecture, data: LabelledData, config: Config, compute: Compute, *, epoch: int
    ) -> Measured:
        """Score the images, with TEST.FLIP in two views."""
        check_width(model, data, config)
        part, flip = data.part, config.test.flip.enabled
        batches = eval_batches(part.images, part.camids, config.test.ims_per_batch)
        found = finite_scores(scores(model, batches, compute, flip=flip), epoch)
        ranks = class_ranks(found, part.labels)
        return Measured(
            metrics={
                "top1": class_accuracy(ranks, 1),
                "top5": class_accuracy(ranks, 5),
                "cross_entropy": mean_cross_entropy(found, part.labels),
            },
            counts={"images": len(ranks), "classes": len(data.names)},
            groups={"class": _by_class(ranks, part.labels, data.names)},
            conditions=scoring_conditions(flip=flip),
        )


def _read(config: Config) -> LabelledSet:
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
