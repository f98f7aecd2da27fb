"""The learning rate as a pure function of the iteration: nothing to save, so a resumed run follows it exactly."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Counting", "Decay", "ScheduleSettings", "Warmup", "WarmupUnit", "learning_rate"]


class Decay(StrEnum):
    """How the learning rate falls, in FastReID's spelling of `SOLVER.SCHED`."""

    MULTI_STEP = "MultiStepLR"
    COSINE = "CosineAnnealingLR"


class Warmup(StrEnum):
    """How the learning rate rises to its base: a straight line, or a constant fraction (`SOLVER.WARMUP_METHOD`)."""

    LINEAR = "linear"
    CONSTANT = "constant"


class WarmupUnit(StrEnum):
    """When the warm-up moves: every iteration (FastReID), or at the start of each epoch (Bag of Tricks)."""

    ITERATION = "iteration"
    EPOCH = "epoch"


class Counting(StrEnum):
    """Where epochs of the decay count from.

    FROM_START: from the first iteration, warm-up included, as SOLVER.STEPS reads; the cosine moves every iteration.
    AFTER_WARMUP: FastReID's own: from the epoch in which warm-up and delay ended, so milestones come that much later
    than written, and the cosine moves once an epoch. For comparing numbers with it.
    """

    FROM_START = "from_start"
    AFTER_WARMUP = "after_warmup"


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """A learning-rate schedule. Epochs and milestones count from 0; `warmup_epochs` above 0 beats the iterations."""

    base_lr: float
    max_epochs: int
    decay: Decay = Decay.MULTI_STEP
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    delay_epochs: int = 0
    eta_min_lr: float = 0.0
    warmup: Warmup = Warmup.LINEAR
    warmup_factor: float = 0.1
    warmup_iterations: int = 0
    warmup_epochs: float = 0.0
    warmup_unit: WarmupUnit = WarmupUnit.ITERATION
    counting: Counting = Counting.FROM_START

    def warmup_length(self, iterations_per_epoch: int) -> float:
        """Length of the warm-up in iterations; not whole if a fraction of an epoch is asked for."""
        return self.warmup_epochs * iterations_per_epoch if self.warmup_epochs > 0 else self.warmup_iterations


def learning_rate(iteration: int, settings: ScheduleSettings, iterations_per_epoch: int) -> float:
    """The learning rate of iteration `iteration` (from 0) of a run with that many iterations in each epoch.

    Warm-up (Goyal et al. 2017) multiplies by f (1 - t) + t, with f = warmup_factor and t its finished share.
    Multi-step multiplies by gamma at each milestone reached. Cosine (Loshchilov & Hutter 2017) falls from base_lr at
    the end of warm-up and delay, whichever is later, to eta_min_lr at the end of max_epochs.
    """
    rise = _warmup_factor(iteration, settings, iterations_per_epoch)
    if settings.counting is Counting.AFTER_WARMUP:
        return rise * _decayed(*_progress_after_warmup(iteration, settings, iterations_per_epoch), settings)
    return rise * _decayed(*_progress_from_start(iteration, settings, iterations_per_epoch), settings)


def _warmup_factor(iteration: int, settings: ScheduleSettings, iterations_per_epoch: int) -> float:
    length = settings.warmup_length(iterations_per_epoch)
    done = iteration
    if settings.warmup_unit is WarmupUnit.EPOCH:
        done = iteration // iterations_per_epoch * iterations_per_epoch
    if done >= length:
        return 1.0
    if settings.warmup is Warmup.CONSTANT:
        return settings.warmup_factor
    share = done / length
    return settings.warmup_factor * (1.0 - share) + share


def _progress_from_start(iteration: int, settings: ScheduleSettings, iterations_per_epoch: int) -> tuple[int, float]:
    """Finished epochs, and the finished share of the cosine."""
    start = max(settings.warmup_length(iterations_per_epoch) / iterations_per_epoch, settings.delay_epochs)
    position = iteration / iterations_per_epoch
    span = settings.max_epochs - start
    return iteration // iterations_per_epoch, (position - start) / span if span > 0 else 0.0


def _progress_after_warmup(iteration: int, settings: ScheduleSettings, iterations_per_epoch: int) -> tuple[int, float]:
    """FastReID: the decay steps after each epoch that ends beyond warm-up and delay; its length rounds warm-up up."""
    warmup = settings.warmup_length(iterations_per_epoch) / iterations_per_epoch
    steps = max(0, iteration // iterations_per_epoch - max(math.floor(warmup), settings.delay_epochs))
    span = settings.max_epochs - max(math.ceil(warmup), settings.delay_epochs)
    return steps, steps / span if span > 0 else 0.0


def _decayed(epochs: int, share: float, settings: ScheduleSettings) -> float:
    """The learning rate without warm-up, after `epochs` (multi-step) or `share` of the way (cosine)."""
    if settings.decay is Decay.MULTI_STEP:
        return settings.base_lr * settings.gamma ** bisect_right(settings.milestones, epochs)
    falling = 0.5 * (1.0 + math.cos(math.pi * min(max(share, 0.0), 1.0)))
    return settings.eta_min_lr + (settings.base_lr - settings.eta_min_lr) * falling
