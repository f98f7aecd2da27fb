"""How well several yes-or-no answers an image are given: label-based and instance-based, as for pedestrians."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["AttributeMetrics", "attribute_metrics"]

_Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AttributeMetrics:
    """Shares in [0, 1]. The arrays (A,) are by attribute, NaN where they are shares of nothing; `known` counts images.

    `mean_accuracy` is the mean over the attributes that show both answers, NaN where none does.
    """

    mean_accuracy: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    balanced: _Shares
    precisions: _Shares
    recalls: _Shares
    known: npt.NDArray[np.int64]


def attribute_metrics(answers: npt.NDArray[np.bool_], targets: npt.NDArray[np.floating]) -> AttributeMetrics:
    """Measure answers (N, A) against targets (N, A) of 1 (has it), 0 (has it not) and below 0 (nobody knows).

    Li et al., "A Richly Annotated Dataset for Pedestrian Attribute Recognition" (2016): mA is the mean over attributes
    of (share answered right among the positives + among the negatives) / 2. Accuracy, precision, recall and F1 compare
    for each image the attributes answered with those that are true: |both| / |either|, |both| / |answered|,
    |both| / |true|, averaged over the images that have one (as in the evaluation published with DeepMAR), and F1 of the
    two averages. An image without an answer has precision 0. What nobody knows counts nowhere.
    """
    known, true = targets >= 0, targets > 0
    answered = answers & known
    both = answered & true
    positives, negatives = true.sum(axis=0), (known & ~true).sum(axis=0)
    recalls = _ratio(both.sum(axis=0), positives)
    balanced = (recalls + _ratio((known & ~true & ~answers).sum(axis=0), negatives)) / 2
    measured = balanced[np.isfinite(balanced)]
    hits, claimed, wanted = (part.sum(axis=1) for part in (both, answered, true))
    either, asked = claimed + wanted - hits, wanted > 0
    accuracy, precision, recall = (_mean_share(hits[asked], of[asked]) for of in (either, claimed, wanted))
    return AttributeMetrics(
        mean_accuracy=float(measured.mean()) if measured.size else float("nan"),
        accuracy=accuracy,
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        balanced=balanced,
        precisions=_ratio(both.sum(axis=0), answered.sum(axis=0)),
        recalls=recalls,
        known=known.sum(axis=0),
    )


def _ratio(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> _Shares:
    shares: _Shares = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return shares


def _mean_share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> float:
    return float(np.nan_to_num(_ratio(part, whole)).mean()) if len(part) else 0.0
