"""The SOLVER section becomes an optimiser, a schedule, a clip, a freeze and an average. The border of this package."""

from __future__ import annotations

import functools

from torch import nn
from torch.optim import SGD, Optimizer

from reid_core.config import Config
from reid_core.losses import CenterLoss, Losses
from reid_core.modeling.heads import SampledHead
from reid_core.solver.clip import ClipKind, GradientClip
from reid_core.solver.ema import WeightAverage
from reid_core.solver.freeze import LayerFreeze
from reid_core.solver.multipliers import parse_multipliers
from reid_core.solver.optimizer import OptimizerKind, OptimizerSettings, make_optimizer
from reid_core.solver.resting import rest_undrawn_rows
from reid_core.solver.schedule import Counting, Decay, OneCycle, ScheduleSettings, Unit, Warmup

__all__ = [
    "build_average",
    "build_clip",
    "build_freeze",
    "build_loss_optimizer",
    "build_optimizer",
    "build_schedule",
]


def build_optimizer(config: Config, model: nn.Module) -> Optimizer:
    """The optimiser of `model`'s trainable parameters (`make_optimizer`)."""
    solver = config.solver
    settings = OptimizerSettings(
        kind=OptimizerKind(solver.opt),
        base_lr=solver.scaled_lr,
        weight_decay=solver.weight_decay,
        weight_decay_norm=solver.weight_decay_norm,
        weight_decay_bias=solver.weight_decay_bias,
        bias_lr_factor=solver.bias_lr_factor,
        heads_lr_factor=solver.heads_lr_factor,
        layer_decay=solver.layer_decay,
        multipliers=parse_multipliers(solver.lr_multipliers),
        momentum=solver.momentum,
        nesterov=solver.nesterov,
    )
    optimizer = make_optimizer(model, settings)
    for module in model.modules():
        if isinstance(module, SampledHead) and module.sample_rate < 1.0:
            rest_undrawn_rows(optimizer, module.weight, functools.partial(getattr, module, "drawn_rows"))
    return optimizer


def build_loss_optimizer(config: Config, losses: Losses) -> Optimizer | None:
    """Plain SGD for the class centers of the center loss; None when no loss has parameters of its own.

    Its learning rate is CENTER.LR / CENTER.SCALE, constant: the centers follow the unweighted loss (Bag of Tricks), of
    each branch that has some.
    """
    settings = config.model.losses.center
    centers = [module.centers for module in losses.modules() if isinstance(module, CenterLoss)]
    return SGD(centers, lr=settings.lr / settings.scale * len(centers)) if centers else None


def build_schedule(config: Config) -> ScheduleSettings:
    """The learning-rate schedule; epochs count from the start of training unless SOLVER.STEPS_COUNT says otherwise."""
    solver, cycle = config.solver, config.solver.one_cycle
    return ScheduleSettings(
        base_lr=solver.scaled_lr,
        max_epochs=solver.max_epoch,
        decay=Decay(solver.sched),
        milestones=solver.steps,
        gamma=solver.gamma,
        delay_epochs=solver.delay_epochs,
        eta_min_lr=solver.eta_min_lr,
        warmup=Warmup(solver.warmup_method),
        warmup_factor=solver.warmup_factor,
        warmup_iterations=solver.warmup_iters,
        warmup_epochs=solver.warmup_epochs,
        warmup_unit=Unit(solver.warmup_unit),
        decay_unit=Unit(solver.sched_unit),
        counting=Counting(solver.steps_count),
        one_cycle=OneCycle(cycle.pct_start, cycle.div_factor, cycle.final_div_factor),
    )


def build_clip(config: Config) -> GradientClip | None:
    """The gradient clip, or None when it is off."""
    clip = config.solver.clip_gradients
    return GradientClip(ClipKind(clip.clip_type), clip.clip_value, clip.norm_type) if clip.enabled else None


def build_freeze(config: Config, model: nn.Module) -> LayerFreeze:
    """The freeze of MODEL.FREEZE_LAYERS for SOLVER.FREEZE_ITERS iterations; without layers it does nothing."""
    return LayerFreeze(model, config.model.freeze_layers, config.solver.freeze_iters)


def build_average(config: Config, model: nn.Module) -> WeightAverage | None:
    """The moving average of `model`'s weights, or None when it is off."""
    return WeightAverage(model, config.solver.ema.momentum) if config.solver.ema.enabled else None
