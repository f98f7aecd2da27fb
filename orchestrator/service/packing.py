"""How many trials share a GPU: by the part of its memory that a trial was measured to take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from orchestrator.service.home import Home
from reid_core.config import Values

__all__ = ["COST_KEYS", "MOST_TOGETHER", "memory_key", "remembered", "together", "trials_together"]

MOST_TOGETHER = 4
"""More trials than this on one GPU wait for each other's kernels."""
_USABLE = 0.9
"""Trials differ: what varies in a space may take more memory than the configuration that was measured."""
COST_KEYS = (
    "MODEL.BACKBONE",
    "MODEL.HEADS",
    "INPUT.SIZE",
    "SOLVER.IMS_PER_BATCH",
    "DATASETS.ROOT",
    "DATASETS.SYNTHETIC",
    "KD.",
)
"""The configuration keys that time and memory depend on, by how they begin."""


def trials_together(base: Values, known: Mapping[str, float]) -> int:
    """Trials of this configuration that fit on one GPU, by the measurements in `known`; 1 without one."""
    return together(known.get(memory_key(base), 0.0))


def together(part: float) -> int:
    """Trials that fit when one takes this part, from 0 (not measured) to 1, of a GPU's memory at its peak."""
    return max(1, min(MOST_TOGETHER, int(_USABLE / part))) if part > 0 else 1


def memory_key(base: Values) -> str:
    """Under which the part of a GPU's memory is remembered: workers and threads do not matter to it."""
    costly = {key: value for key, value in base.items() if key.startswith(COST_KEYS)}
    return hashlib.sha256(json.dumps(costly, sort_keys=True).encode()).hexdigest()[:16] + ".gpu"


def remembered(home: Home) -> dict[str, float]:
    """Earlier measurements; none when the file is missing or damaged, for they can be made again."""
    try:
        known: dict[str, float] = json.loads(home.profiles.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return known
