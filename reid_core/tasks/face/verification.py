"""How well distances of pairs tell one person from two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reid_core.evaluation.roc import Roc

__all__ = ["Folds", "area_under_curve", "best_threshold", "fold_accuracies", "verification_measures"]

_RATES = {"1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2}

_Distances = npt.NDArray[np.float64]
_Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """Each fold's number, pairs, the threshold chosen on all others, and its accuracy at that; all (F,)."""

    numbers: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    thresholds: _Distances
    accuracies: _Distances


def verification_measures(
    distances: _Distances, same: _Marks, fold: npt.NDArray[np.int64]
) -> tuple[dict[str, float], Folds]:
    """accuracy, accuracy_std, auc, and tpr_at_fpr_1e-4, _1e-3, _1e-2 of P pairs (P,).

    accuracy is the mean over the folds, accuracy_std their standard deviation with F - 1; the standard error that LFW's
    tables print is that over the root of F (Huang et al. 2007). A rate that not one pair of two persons may reach is
    left out.
    """
    folds = fold_accuracies(distances, same, fold)
    positives, negatives = np.sort(distances[same]), np.sort(distances[~same])
    roc = Roc(positives, negatives, negatives.size, max_fpr=max(_RATES.values()))
    known = {name: rate for name, rate in _RATES.items() if round(rate * negatives.size) >= 1}
    rates = roc.tpr_at(list(known.values())).tolist()
    metrics = {
        "accuracy": float(folds.accuracies.mean()),
        "accuracy_std": float(folds.accuracies.std(ddof=1)),
        "auc": area_under_curve(positives, negatives),
    }
    return metrics | {f"tpr_at_fpr_{name}": value for name, value in zip(known, rates, strict=True)}, folds


def fold_accuracies(distances: _Distances, same: _Marks, fold: npt.NDArray[np.int64]) -> Folds:
    """Test each fold at the threshold that is best on all other folds (Huang et al. 2007, view 2)."""
    numbers, sizes = np.unique(fold, return_counts=True)
    thresholds = np.array([best_threshold(distances[fold != number], same[fold != number]) for number in numbers])
    accuracies = np.array(
        [
            np.mean((distances[fold == number] <= threshold) == same[fold == number])
            for number, threshold in zip(numbers, thresholds, strict=True)
        ]
    )
    return Folds(numbers, sizes, thresholds, accuracies)


def best_threshold(distances: _Distances, same: _Marks) -> float:
    """The threshold with most pairs right when those at most so far apart are taken for one person.

    It lies midway between two neighbouring distances (or beyond an end); of several equally good, the lowest.
    """
    order = np.argsort(distances, kind="stable")
    values, marks = distances[order], same[order]
    right = np.concatenate([[0], np.cumsum(np.where(marks, 1, -1))])  # more than with nothing accepted
    ends = np.concatenate([[True], values[1:] > values[:-1], [True]])  # equal distances go together
    place = int(np.flatnonzero(ends)[np.argmax(right[ends])])
    if place == 0:
        return float(np.nextafter(values[0], -np.inf))
    if place == values.size:
        return float(values[-1])
    return float((values[place - 1] + values[place]) / 2)


def area_under_curve(positives: _Distances, negatives: _Distances) -> float:
    """The share of (positive, negative) couples of pairs in the right order, ties half (Hanley and McNeil 1982).

    Both ascend. It is the area under the curve of TPR over FPR.
    """
    below = np.searchsorted(negatives, positives, side="left")
    ties = np.searchsorted(negatives, positives, side="right") - below
    nearer = negatives.size - below - 0.5 * ties
    return float(nearer.sum() / (positives.size * negatives.size))
