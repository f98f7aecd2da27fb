"""Face verification: learned as classification with a margin, measured on pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.pipeline import SplitData
from reid_core.engine.compute import Compute
from reid_core.engine.measuring import embedded_images, embedding_conditions
from reid_core.evaluation import Distance, unit_rows
from reid_core.modeling import Architecture
from reid_core.results import DataSummary, GroupMetrics, Protocol
from reid_core.tasks.face.data import FacePairs, open_pairs, open_training_and_pairs, summary
from reid_core.tasks.face.verification import Folds, verification_measures
from reid_core.tasks.task import Measured, Task

__all__ = ["FaceTask", "pair_distances"]


class FaceTask(Task[FacePairs]):
    """Train on persons, embed, tell pairs of one person from pairs of two by their distance."""

    def summary(self, config: Config) -> DataSummary:
        """Count images, persons and pairs."""
        return summary(config)

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[FacePairs]:
        """Persons to train on, and pairs of others, or the test pairs, to measure on."""
        return open_training_and_pairs(config, protocol, threads=threads, progress=progress)

    def evaluations(self, config: Config, protocol: Protocol, *, threads: int | None = None) -> tuple[FacePairs, ...]:
        """The pairs."""
        return open_pairs(config, protocol, threads=threads)

    def measure(
        self, model: Architecture, data: FacePairs, config: Config, compute: Compute, *, epoch: int
    ) -> Measured:
        """Compare the images of each pair under TEST.METRIC, TEST.FLIP and TEST.SCALES."""
        rows = embedded_images(model, data.images, config, compute, epoch=epoch)
        pairs, metric = data.pairs, Distance(config.test.metric)
        distances = pair_distances(rows[pairs.left], rows[pairs.right], metric)
        metrics, folds = verification_measures(distances, pairs.same, pairs.fold)
        embedded = embedding_conditions(config)
        return Measured(
            metrics=metrics,
            counts={"pairs": len(pairs.same), "images": len(data.images.records)},
            groups={"fold": _by_fold(folds)},
            conditions=f"{metric} distance; {embedded}; threshold of each fold chosen on the others",
        )


def pair_distances(
    left: npt.NDArray[np.float32], right: npt.NDArray[np.float32], metric: Distance
) -> npt.NDArray[np.float64]:
    """Distances (P,) of the rows of `left` (P, D) to those of `right` (P, D), computed in float64."""
    first, second = left.astype(np.float64), right.astype(np.float64)
    if metric is Distance.COSINE:
        cosines: npt.NDArray[np.float64] = np.einsum("pd,pd->p", unit_rows(first), unit_rows(second))
        return 1 - cosines
    apart: npt.NDArray[np.float64] = np.linalg.norm(first - second, axis=1)
    return apart


def _by_fold(folds: Folds) -> tuple[GroupMetrics, ...]:
    rows = zip(folds.numbers.tolist(), folds.sizes.tolist(), folds.accuracies.tolist(), strict=True)
    return tuple(GroupMetrics(str(number + 1), size, {"accuracy": accuracy}) for number, size, accuracy in rows)
