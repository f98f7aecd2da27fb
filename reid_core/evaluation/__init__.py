"""Retrieval metrics as pure functions of features or distances and labels: numpy in, numpy out.

What may come in: distances, ranking, CMC / AP / INP, re-ranking, query expansion, ROC. No files, no models.
"""

from reid_core.evaluation.distance import Distance, distance_blocks, distance_matrix, unit_rows
from reid_core.evaluation.labels import Labels
from reid_core.evaluation.metrics import (
    cmc,
    mean_average_precision,
    mean_inverse_negative_penalty,
    retrieval_metrics,
)
from reid_core.evaluation.ranking import Ranking, rank, rank_distances

__all__ = [
    "Distance",
    "Labels",
    "Ranking",
    "cmc",
    "distance_blocks",
    "distance_matrix",
    "mean_average_precision",
    "mean_inverse_negative_penalty",
    "rank",
    "rank_distances",
    "retrieval_metrics",
    "unit_rows",
]
