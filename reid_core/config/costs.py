"""Which keys decide what a model costs once it is trained. Pure."""

from __future__ import annotations

__all__ = ["decides_cost"]

# The network, the images that it is given, and how it computes.
_DOES = ("MODEL.", "INPUT.SIZE_TRAIN", "INPUT.SIZE_TEST", "TEST.FLIP.", "TEST.SCALES", "SOLVER.AMP.", "TASK.")
# Within these: what only training reads, and where weights come from.
_DOES_NOT = (
    "MODEL.LOSSES.",
    "MODEL.WEIGHTS",
    "MODEL.FREEZE_LAYERS",
    "MODEL.QUEUE_SIZE",
    "MODEL.KEY_MOMENTUM",
    "MODEL.BACKBONE.PRETRAIN",
    "MODEL.BACKBONE.DROP_",
    "MODEL.BACKBONE.ATT_DROP_RATE",
    "MODEL.HEADS.MARGIN",
    "MODEL.HEADS.SCALE",
)


def decides_cost(key: str) -> bool:
    """Whether two configurations that differ in `key` alone may differ in parameters, multiply-adds or latency."""
    return key.startswith(_DOES) and not key.startswith(_DOES_NOT)
