"""A space whose trials take well under a second, the words that run it, and images of noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from trials.spaces import TINY

__all__ = ["RUN", "SPACE", "write_image"]

SPACE = (
    """\
name: small
recipe: demo
resources: {cpus: 1, gpus: 0}
budget: {max_epochs: 2, min_epochs: 1, eta: 2, trials: 2}
"""
    + TINY
    + """\
parameters:
  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}
  INPUT.REA.PROB: {type: float, low: 0.0, high: 0.8}
"""
)

RUN = ("run", "--backend", "inline", "--no-mlflow", "--events")


def write_image(path: Path, seed: int) -> None:
    """A small image of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
