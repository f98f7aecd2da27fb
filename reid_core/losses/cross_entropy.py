"""Cross-entropy over identities, with label smoothing."""

from __future__ import annotations

from enum import StrEnum

import torch

from reid_core.losses.precision import at_least_float32

__all__ = ["Spread", "adaptive_cross_entropy", "cross_entropy"]


class Spread(StrEnum):
    """Where label smoothing puts the probability it takes from the target; C is the number of classes.

    OTHER_CLASSES: smoothing / (C - 1) on every class but the target, 1 - smoothing on the target (FastReID).
    ALL_CLASSES: smoothing / C on every class, 1 - smoothing more on the target (Bag of Tricks, Szegedy et al. 2016).
    """

    OTHER_CLASSES = "other_classes"
    ALL_CLASSES = "all_classes"


def cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, *, smoothing: float = 0.0, spread: Spread = Spread.OTHER_CLASSES
) -> torch.Tensor:
    """Mean over the batch of -sum_c q_c log softmax(logits)_c, q the smoothed target distribution; a scalar.

    logits (B, C), targets (B,) class indices; 0 <= smoothing < 1.
    """
    classes = logits.shape[1]
    # Taking s from the target for the others alone is taking s C / (C - 1) from it for all, itself included.
    share = smoothing * classes / max(classes - 1, 1) if spread is Spread.OTHER_CLASSES else smoothing
    log_probabilities = at_least_float32(logits).log_softmax(dim=1)
    of_target = log_probabilities.gather(1, targets[:, None]).mean()
    if share == 0.0:
        return -of_target
    return -(1.0 - share) * of_target - share * log_probabilities.mean()


def adaptive_cross_entropy(logits: torch.Tensor, targets: torch.Tensor, *, alpha: float) -> torch.Tensor:
    """Cross-entropy whose smoothing is alpha * p(target) for each image, spread over the other classes; a scalar.

    logits (B, C), targets (B,). FastReID's EPSILON = -1: the surer the network, the stronger the smoothing. The
    smoothing itself carries no gradient.
    """
    classes = logits.shape[1]
    log_probabilities = at_least_float32(logits).log_softmax(dim=1)
    of_target = log_probabilities.gather(1, targets[:, None])[:, 0]
    share = alpha * of_target.detach().exp() * classes / max(classes - 1, 1)
    return (-(1.0 - share) * of_target - share * log_probabilities.mean(dim=1)).mean()
