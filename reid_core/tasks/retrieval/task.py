"""Instance retrieval: metric learning on some classes, nearest neighbours among the images of others."""

from __future__ import annotations

import numpy as np

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.parts import EvaluationData
from reid_core.data.pipeline import SplitData
from reid_core.engine.compute import Compute
from reid_core.engine.measuring import conditions, measure
from reid_core.evaluation import Ranking
from reid_core.modeling import Architecture
from reid_core.results import DataSummary, GroupMetrics, Protocol
from reid_core.tasks.retrieval.data import open_tests, open_training_and_tests, summary
from reid_core.tasks.retrieval.metrics import recalls, retrieval_measures
from reid_core.tasks.task import Measured, Task

__all__ = ["RetrievalTask"]


class RetrievalTask(Task[EvaluationData]):
    """Train on classes, embed, rank the images of other classes by each of them."""

    def summary(self, config: Config) -> DataSummary:
        """Count images and classes."""
        return summary(config)

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[EvaluationData]:
        """Classes to train on, and others to measure on."""
        return open_training_and_tests(config, protocol, threads=threads, progress=progress)

    def evaluations(
        self, config: Config, protocol: Protocol, *, threads: int | None = None
    ) -> tuple[EvaluationData, ...]:
        """Query and gallery, which are the same images for most data sets."""
        return open_tests(config, protocol, threads=threads)

    def measure(
        self, model: Architecture, data: EvaluationData, config: Config, compute: Compute, *, epoch: int
    ) -> Measured:
        """Rank under the conditions of TEST; what changes the ranking is told from the plain one as plain_recall1 ….

        The query itself is out of its list: without cameras, every image counts as a camera of its own.
        """
        measured = measure(model, data, config, compute, epoch=epoch)
        asked = config.task.retrieval.recall_at
        metrics = retrieval_measures(measured.ranking, asked)
        if measured.plain is not None:
            plain = retrieval_measures(measured.plain, asked)
            metrics |= {f"plain_{name}": value for name, value in plain.items()}
        metrics |= {name: value for name, value in measured.metrics().items() if name.startswith("tpr_at_fpr_")}
        return Measured(
            metrics=metrics,
            counts=measured.ranking.counts,
            groups={"class": _by_class(measured.ranking, data)},
            conditions=conditions(config),
        )


def _by_class(ranking: Ranking, data: EvaluationData) -> tuple[GroupMetrics, ...]:
    """Recall at 1 and MAP@R of the queries of each class that have a match."""
    names = dict(zip(data.query.labels.tolist(), [record.pid for record in data.query.records], strict=True))
    labels = data.query.labels[ranking.valid]
    found = []
    for label in np.unique(labels).tolist():
        own = ranking.valid & (data.query.labels == label)
        metrics = {**recalls(ranking.first_hit[own], (1,)), "map_at_r": float(ranking.map_at_r[own].mean())}
        found.append(GroupMetrics(names[label], int(own.sum()), metrics))
    return tuple(found)
