"""A recipe's schedule stretched or shrunk to another number of epochs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reid_core.config.convert import tree_of
from reid_core.config.values import Values
from reid_core.errors import UsageError

__all__ = ["scale_to"]

_LONGEST_WARMUP = 4  # at most a quarter of the training


def scale_to(values: Values, max_epochs: int, iters_per_epoch: int | None = None) -> Values:
    """Set SOLVER.MAX_EPOCH and scale what counts in epochs or iterations by f = max_epochs / SOLVER.MAX_EPOCH.

    - WARMUP_EPOCHS becomes f times itself; WARMUP_ITERS, FREEZE_ITERS and DELAY_EPOCHS are rounded (half up), and a
      delay inside the training stays inside.
    - STEPS are rounded and kept strictly increasing in [1, max_epochs - 1]: a later one pushes an earlier one down,
      and where there is no room for all, the earliest are dropped. Steps past the old end never acted: dropped too.
    - CHECKPOINT_PERIOD and EVAL_PERIOD are rounded and at least 1 (an EVAL_PERIOD of 0 stays 0: only at the end).
    - With `iters_per_epoch`, WARMUP_ITERS and FREEZE_ITERS are at most a quarter of all iterations, so that a recipe
      written for much data does not warm up through the whole training on little.

    Keys that `values` lacks count with the schema's default and are set; other keys stay as they are. Raises
    UsageError when max_epochs is below 1, ConfigError when a value is not of its key's type.
    """
    if max_epochs < 1:
        raise UsageError(f"a training has at least 1 epoch, not {max_epochs}")
    config = tree_of(values)
    solver, old = config.solver, config.solver.max_epoch

    def scaled(count: int) -> int:
        return (2 * count * max_epochs + old) // (2 * old)

    longest = None if iters_per_epoch is None else max_epochs * iters_per_epoch // _LONGEST_WARMUP

    def iterations(count: int) -> int:
        return scaled(count) if longest is None else min(scaled(count), longest)

    delay = scaled(solver.delay_epochs)
    return {
        **values,
        "SOLVER.MAX_EPOCH": max_epochs,
        "SOLVER.WARMUP_EPOCHS": solver.warmup_epochs * max_epochs / old,
        "SOLVER.WARMUP_ITERS": iterations(solver.warmup_iters),
        "SOLVER.FREEZE_ITERS": iterations(solver.freeze_iters),
        "SOLVER.DELAY_EPOCHS": min(delay, max_epochs - 1) if solver.delay_epochs < old else delay,
        "SOLVER.STEPS": [*_inside([scaled(step) for step in solver.steps if step < old], max_epochs)],
        "SOLVER.CHECKPOINT_PERIOD": max(1, scaled(solver.checkpoint_period)),
        "TEST.EVAL_PERIOD": max(1, scaled(config.test.eval_period)) if config.test.eval_period else 0,
    }


def _inside(steps: Sequence[int], max_epochs: int) -> list[int]:
    """Milestones strictly increasing in [1, max_epochs - 1], the later ones served first."""
    result: list[int] = []
    room = max_epochs - 1
    for step in reversed(steps):
        if room < 1:
            break
        result.insert(0, min(room, max(1, step)))
        room = result[0] - 1
    return result
