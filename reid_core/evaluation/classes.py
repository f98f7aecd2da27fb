"""How well scores name the class of an image: top-k accuracy and cross-entropy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["class_accuracy", "class_ranks", "mean_cross_entropy"]


def class_ranks(scores: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many classes stand before the true one (N,), by falling score; of equal scores the lower class is first.

    scores (N, C), labels (N,) positions of classes. Rank 0 is a right answer: the class that argmax takes.
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    before = np.arange(scores.shape[1]) < labels[:, None]
    ranks: npt.NDArray[np.int64] = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    return ranks


def class_accuracy(ranks: npt.NDArray[np.int64], k: int) -> float:
    """The share of images (N,) whose true class is among the first `k`; with fewer than k classes always 1."""
    return float((ranks < k).mean())


def mean_cross_entropy(scores: npt.NDArray[np.floating], labels: npt.NDArray[np.int64]) -> float:
    """Mean over the images of -log softmax(scores) of the true class, in nats; scores (N, C), labels (N,)."""
    wide = scores.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    own = np.take_along_axis(wide, labels[:, None], axis=1)[:, 0]
    return float((np.log(np.exp(wide).sum(axis=1)) - own).mean())
