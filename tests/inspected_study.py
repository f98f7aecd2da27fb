"""A study with three really trained trials of a tiny model on built-in images, for the tests of inspections."""

from __future__ import annotations

from pathlib import Path

import pytest
from trials.spaces import TINY

__all__ = ["NAME", "train_study"]

NAME = "tiny"
_SPACE = (
    """\
name: tiny
recipe: demo
resources: {cpus: 1, gpus: 0}
budget: {max_epochs: 1, min_epochs: 1, eta: 2, trials: 3}
"""
    + TINY.replace("IDENTITIES: 8", "IDENTITIES: 16")
    + """\
parameters:
  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}
"""
)


def train_study(folder: Path) -> None:
    """Train it in the home of the environment, in this process."""
    from orchestrator.cli.main import main

    space = folder / "tiny.yaml"
    space.write_text(_SPACE)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--backend", "inline", "--no-mlflow", "--events", "--space", str(space), "--name", NAME])
    assert not ended.value.code, "the study was not trained"
