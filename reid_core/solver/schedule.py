"""The learning rate as a pure function of the iteration: nothing to save, so a resumed run follows it exactly."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Counting", "Decay", "OneCycle", "ScheduleSettings", "Unit", "Warmup", "learning_rate"]


class Decay(StrEnum):
    """How the learning rate falls, in FastReID's spelling of `SOLVER.SCHED`."""

    MULTI_STEP = "MultiStepLR"
    COSINE = "CosineAnnealingLR"
    ONE_CYCLE = "OneCycleLR"


class Warmup(StrEnum):
    """How the learning rate rises to its base (`SOLVER.WARMUP_METHOD`); f is the factor, t the finished share.

    LINEAR: f (1 - t) + t. CONSTANT: f until the end. EXP: f^(1 - t). BURNIN: t^4, from 0 whatever f is (Darknet).
    """

    LINEAR = "linear"
    CONSTANT = "constant"
    EXP = "exp"
    BURNIN = "burnin"


class Unit(StrEnum):
    """When a part of the schedule moves: every iteration, or at the start of each epoch.

    The warm-up of FastReID moves every iteration, that of the Bag of Tricks every epoch.
    """

    ITERATION = "iteration"
    EPOCH = "epoch"


class Counting(StrEnum):
    """Where epochs of the decay count from.

    FROM_START: from the first iteration, warm-up included, as SOLVER.STEPS reads.
    AFTER_WARMUP: FastReID's own: from the epoch in which warm-up and delay ended, so milestones come that much later
    than written, and the cosine moves once an epoch. For comparing numbers with it.
    """

    FROM_START = "from_start"
    AFTER_WARMUP = "after_warmup"


@dataclass(frozen=True, slots=True)
class OneCycle:
    """The shape of one cycle: share that rises, base / first learning rate, first / last learning rate."""

    rising: float = 0.3
    first_divisor: float = 25.0
    last_divisor: float = 1e4


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """A learning-rate schedule. Epochs and milestones count from 0; `warmup_epochs` above 0 beats the iterations.

    `decay_unit` is when cosine and one cycle move; milestones always stand at epochs.
    """

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
    warmup_unit: Unit = Unit.ITERATION
    decay_unit: Unit = Unit.ITERATION
    counting: Counting = Counting.FROM_START
    one_cycle: OneCycle = OneCycle()

    def warmup_length(self, iterations_per_epoch: int) -> float:
        """Length of the warm-up in iterations; not whole if a fraction of an epoch is asked for."""
        return self.warmup_epochs * iterations_per_epoch if self.warmup_epochs > 0 else self.warmup_iterations


def learning_rate(iteration: int, settings: ScheduleSettings, iterations_per_epoch: int) -> float:
    """The learning rate of iteration `iteration` (from 0) of a run with that many iterations in each epoch.

    Warm-up (Goyal et al. 2017) multiplies (see Warmup). Multi-step multiplies by gamma at each milestone reached.
    Cosine (Loshchilov & Hutter 2017) falls from base_lr at the end of warm-up and delay, whichever is later, to
    eta_min_lr at the end of max_epochs. One cycle (Smith & Topin 2019) rises by itself, without warm-up, as torch's
    OneCycleLR over all iterations (or epochs) with cosine halves.
    """
    if settings.decay is Decay.ONE_CYCLE:
        return _one_cycle(iteration, settings, iterations_per_epoch)
    rise = _warmup_factor(iteration, settings, iterations_per_epoch)
    if settings.counting is Counting.AFTER_WARMUP:
        return rise * _decayed(*_progress_after_warmup(iteration, settings, iterations_per_epoch), settings)
    return rise * _decayed(*_progress_from_start(iteration, settings, iterations_per_epoch), settings)


def _warmup_factor(iteration: int, settings: ScheduleSettings, iterations_per_epoch: int) -> float:
    length = settings.warmup_length(iterations_per_epoch)
    done = _moved(iteration, settings.warmup_unit, iterations_per_epoch)
    if done >= length:
        return 1.0
    share = done / length
    match settings.warmup:
        case Warmup.LINEAR:
            return settings.warmup_factor * (1.0 - share) + share
        case Warmup.CONSTANT:
            return settings.warmup_factor
        case Warmup.EXP:
            return float(settings.warmup_factor ** (1.0 - share))
        case Warmup.BURNIN:
            return share**4


def _moved(iteration: int, unit: Unit, iterations_per_epoch: int) -> int:
    """The iteration itself, or the first of its epoch."""
    return iteration if unit is Unit.ITERATION else iteration // iterations_per_epoch * iterations_per_epoch


def _progress_from_start(iteration: int, settings: ScheduleSettings, iterations_per_epoch: int) -> tuple[int, float]:
    """Finished epochs, and the finished share of the cosine."""
    start = max(settings.warmup_length(iterations_per_epoch) / iterations_per_epoch, settings.delay_epochs)
    position = _moved(iteration, settings.decay_unit, iterations_per_epoch) / iterations_per_epoch
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


def _one_cycle(iteration: int, settings: ScheduleSettings, iterations_per_epoch: int) -> float:
    """Base / first_divisor rises to the base, then falls to base / first_divisor / last_divisor at the last step."""
    per_step = 1 if settings.decay_unit is Unit.ITERATION else iterations_per_epoch
    step, steps = iteration // per_step, settings.max_epochs * iterations_per_epoch // per_step
    shape = settings.one_cycle
    first = settings.base_lr / shape.first_divisor
    top = shape.rising * steps - 1.0
    if top > 0.0 and step <= top:
        return _half_cosine(first, settings.base_lr, step / top)
    return _half_cosine(settings.base_lr, first / shape.last_divisor, min(1.0, (step - top) / (steps - 1.0 - top)))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))
