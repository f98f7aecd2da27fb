"""Measuring with galleries drawn at random: one image of each identity, the others ask; again and again.

VehicleID's protocol (Liu et al., CVPR 2016, section 5): one image of each test vehicle is drawn into the gallery, the
others are queries, and what is reported is the mean over ten draws. The draws depend on the data set only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reid_core.config import Config
from reid_core.data.parts import EvaluationData, Part
from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import Indices
from reid_core.data.records import Labels as Numbers
from reid_core.engine.compute import Compute
from reid_core.engine.measuring import embedded_images, ranked
from reid_core.evaluation import Distance, Labels
from reid_core.modeling import Architecture

__all__ = ["Repeats", "draw", "measure_repeats"]

_SEED = 0  # not the training's: what is measured must not depend on it


@dataclass(frozen=True, slots=True, eq=False)
class Repeats:
    """The means of the metrics over all draws, their standard deviations as std_mAP …, and the counts of one draw."""

    metrics: Mapping[str, float]
    counts: Mapping[str, int]
    draws: int

    @property
    def sentence(self) -> str:
        """What the metrics are means over, and the deviations of mAP and rank-1, for people."""
        std_map, std_rank1 = (100 * self.metrics[f"std_{name}"] for name in ("mAP", "rank1"))
        return (
            f"mean over {self.draws} galleries of one image an identity, drawn at random;"
            f" standard deviation over the galleries: mAP {std_map:.1f}, rank-1 {std_rank1:.1f} points"
        )


def measure_repeats(
    model: Architecture, data: EvaluationData, config: Config, compute: Compute, *, epoch: int
) -> Repeats:
    """Measure a model after `epoch` epochs on TEST.REPEATS galleries, drawn of query and gallery images together.

    The deviations divide by the number of draws. Raises as `reid_core.engine.measuring.measure` does.
    """
    parts = _distinct(data)
    rows = np.concatenate([embedded_images(model, part, config, compute, epoch=epoch) for part in parts])
    pids, camids = (np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "camids"))
    metric, draws = Distance(config.test.metric), []
    for number in range(config.test.repeats):
        gallery = draw(pids, number)
        query = np.setdiff1d(np.arange(len(pids)), gallery)
        labels = Labels(pids[query], pids[gallery], camids[query], camids[gallery])
        measured = ranked(rows[query], rows[gallery], labels, metric, config, device=compute.device)
        draws.append(measured)
    values = [one.metrics() for one in draws]
    columns = {name: np.array([one[name] for one in values]) for name in values[0]}
    means = {name: float(column.mean()) for name, column in columns.items()}
    spreads = {f"std_{name}": float(column.std()) for name, column in columns.items()}
    return Repeats(means | spreads, draws[0].ranking.counts, len(draws))


def draw(pids: Numbers, number: int) -> Indices:
    """Positions, sorted, of one image of each identity in `pids` (N,): draw `number`."""
    order = np.argsort(pids, kind="stable")
    _, starts, counts = np.unique(pids[order], return_index=True, return_counts=True)
    chosen = generator(_SEED, Purpose.DRAW, number).integers(counts)
    return np.sort(order[starts + chosen])


def _distinct(data: EvaluationData) -> tuple[Part, ...]:
    """Gallery and query without the images that are both."""
    if data.query_in_gallery is not None:
        return (data.gallery,)
    known = {record.path for record in data.gallery.records}
    new = np.array([place for place, record in enumerate(data.query.records) if record.path not in known], np.int64)
    query = data.query
    asked = Part(
        tuple(query.records[place] for place in new), query.labels[new], query.camids[new], query.images.subset(new)
    )
    return (data.gallery, asked)
