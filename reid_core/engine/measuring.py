"""Measuring a model on the query and gallery images of one protocol."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_core.config import Config
from reid_core.data.loader import eval_batches
from reid_core.data.parts import EvaluationData, Part
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import embeddings
from reid_core.errors import TrainingDiverged
from reid_core.evaluation import Distance, Labels, Ranking, rank
from reid_core.modeling import Baseline

__all__ = ["measure"]


def measure(model: Baseline, data: EvaluationData, config: Config, compute: Compute, *, epoch: int) -> Ranking:
    """Embed and rank, with TEST.METRIC and TEST.FLIP, a model after `epoch` epochs.

    Raises TrainingDiverged when an embedding is not finite, DataError when no query has a match.
    """

    def embedded(part: Part) -> npt.NDArray[np.float32]:
        batches = eval_batches(part.images, part.camids, config.test.ims_per_batch)
        rows = embeddings(model, batches, compute, flip=config.test.flip.enabled)
        if not np.isfinite(rows).all():
            raise TrainingDiverged(
                f"the embeddings after epoch {epoch} are not finite",
                epoch=epoch,
                hint="the training got out of hand: lower SOLVER.BASE_LR",
            )
        return rows

    gallery = embedded(data.gallery)
    query = embedded(data.query) if data.query_in_gallery is None else gallery[data.query_in_gallery]
    labels = Labels(data.query.labels, data.gallery.labels, data.query.camids, data.gallery.camids)
    return rank(query, gallery, labels, metric=Distance(config.test.metric))
