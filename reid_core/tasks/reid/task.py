"""Re-identification, the task that the others are told from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.parts import EvaluationData
from reid_core.data.pipeline import SplitData, open_evaluations, open_split, summary
from reid_core.data.records import NO_CAMERA
from reid_core.engine.compute import Compute
from reid_core.engine.measuring import conditions, measure
from reid_core.engine.repeats import measure_repeats
from reid_core.evaluation import Ranking, by_group
from reid_core.modeling import Architecture
from reid_core.results import DataSummary, GroupMetrics, Protocol
from reid_core.tasks.task import Measured, Task

__all__ = ["ReidTask"]


class ReidTask(Task[EvaluationData]):
    """Train on identities, embed, rank a gallery by each query."""

    def summary(self, config: Config) -> DataSummary:
        """Count images, identities and cameras."""
        return summary(config)

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[EvaluationData]:
        """Identities to train on, and others, or the test split, to measure on."""
        return open_split(config, protocol, threads=threads, progress=progress)

    def evaluations(
        self, config: Config, protocol: Protocol, *, threads: int | None = None
    ) -> tuple[EvaluationData, ...]:
        """Query and gallery."""
        return open_evaluations(config, protocol, threads=threads)

    def measure(
        self, model: Architecture, data: EvaluationData, config: Config, compute: Compute, *, epoch: int
    ) -> Measured:
        """Rank under the conditions of TEST; there are groups where there is one gallery."""
        if config.test.repeats:
            repeated = measure_repeats(model, data, config, compute, epoch=epoch)
            return Measured(repeated.metrics, repeated.counts, conditions=f"{conditions(config)}; {repeated.sentence}")
        measured = measure(model, data, config, compute, epoch=epoch)
        return Measured(
            metrics=measured.metrics(),
            counts=measured.ranking.counts,
            groups=groups(measured.ranking, data),
            conditions=conditions(config),
        )


def groups(ranking: Ranking, data: EvaluationData) -> dict[str, tuple[GroupMetrics, ...]]:
    """The queries by camera, where it is known, and by identity."""
    query = data.query
    cameras = {camid: str(camid - data.first_camera) for camid in query.camids.tolist() if camid > NO_CAMERA}
    identities = dict(zip(query.labels.tolist(), [record.pid for record in query.records], strict=True))
    return {
        "camera": _named_groups(ranking, query.camids, cameras),
        "identity": _named_groups(ranking, query.labels, identities),
    }


def _named_groups(
    ranking: Ranking, numbers: npt.NDArray[np.int64], names: Mapping[int, str]
) -> tuple[GroupMetrics, ...]:
    """The groups that have a name."""
    found: Sequence[GroupMetrics] = [
        GroupMetrics(names[one.group], one.queries, {"mAP": one.mean_ap, "rank1": one.rank1})
        for one in by_group(ranking, numbers)
        if one.group in names
    ]
    return tuple(found)
