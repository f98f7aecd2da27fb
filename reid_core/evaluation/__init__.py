"""Metrics as pure functions of features, distances or scores, and labels: numpy in, numpy out.

What may come in: distances, ranking, CMC / AP / INP, re-ranking, query expansion, ROC, shares of right answers. No
files, no models.
"""

from reid_core.evaluation.attributes import AttributeMetrics, attribute_metrics
from reid_core.evaluation.breakdown import Group, by_group
from reid_core.evaluation.classes import class_accuracy, class_ranks, mean_cross_entropy
from reid_core.evaluation.distance import Distance, distance_blocks, distance_matrix, unit_rows
from reid_core.evaluation.expansion import expand_queries
from reid_core.evaluation.labels import Labels
from reid_core.evaluation.metrics import (
    cmc,
    mean_average_precision,
    mean_inverse_negative_penalty,
    retrieval_metrics,
)
from reid_core.evaluation.neighbours import Neighbours, neighbours
from reid_core.evaluation.ranking import Ranking, rank, rank_blocks, rank_distances
from reid_core.evaluation.reconstruction import dsr_blocks, dsr_distance
from reid_core.evaluation.rerank import rerank, rerank_blocks
from reid_core.evaluation.roc import Roc, RocCollector, roc, tpr_at_fpr

__all__ = [
    "AttributeMetrics",
    "Distance",
    "Group",
    "Labels",
    "Neighbours",
    "Ranking",
    "Roc",
    "RocCollector",
    "attribute_metrics",
    "by_group",
    "class_accuracy",
    "class_ranks",
    "cmc",
    "distance_blocks",
    "distance_matrix",
    "dsr_blocks",
    "dsr_distance",
    "expand_queries",
    "mean_average_precision",
    "mean_cross_entropy",
    "mean_inverse_negative_penalty",
    "neighbours",
    "rank",
    "rank_blocks",
    "rank_distances",
    "rerank",
    "rerank_blocks",
    "retrieval_metrics",
    "roc",
    "tpr_at_fpr",
    "unit_rows",
]
