"""Losses: pure functions of tensors, and their weighted sum as a configuration names it.

What may come in: one file a loss, vectorised, finite at every edge, checked in the tests against an obvious loop.
"""

from reid_core.losses.center import CenterLoss, center_loss
from reid_core.losses.compose import Losses, Sees, Term, build_losses
from reid_core.losses.cross_entropy import Spread, adaptive_cross_entropy, cross_entropy
from reid_core.losses.focal import focal_loss
from reid_core.losses.outputs import BranchOutputs, HeadOutputs, Outputs
from reid_core.losses.pairwise import circle_loss, cosface_loss
from reid_core.losses.triplet import Metric, Mining, triplet_loss

__all__ = [
    "BranchOutputs",
    "CenterLoss",
    "HeadOutputs",
    "Losses",
    "Metric",
    "Mining",
    "Outputs",
    "Sees",
    "Spread",
    "Term",
    "adaptive_cross_entropy",
    "build_losses",
    "center_loss",
    "circle_loss",
    "cosface_loss",
    "cross_entropy",
    "focal_loss",
    "triplet_loss",
]
