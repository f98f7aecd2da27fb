"""How weights move: optimisers, learning-rate schedules, gradient clipping, freezing, weight averages.

What may come in: functions of settings and iteration, without hidden counters, so that a resumed run goes on exactly.
"""

from reid_core.solver.clip import ClipKind, GradientClip
from reid_core.solver.ema import AverageState, WeightAverage
from reid_core.solver.freeze import LayerFreeze
from reid_core.solver.from_config import (
    build_average,
    build_clip,
    build_freeze,
    build_loss_optimizer,
    build_optimizer,
    build_schedule,
)
from reid_core.solver.multipliers import Multiplier, parse_multipliers
from reid_core.solver.optimizer import OptimizerKind, OptimizerSettings, inherit, make_optimizer, set_learning_rate
from reid_core.solver.schedule import (
    Counting,
    Decay,
    OneCycle,
    ScheduleSettings,
    Unit,
    Warmup,
    learning_rate,
)

__all__ = [
    "AverageState",
    "ClipKind",
    "Counting",
    "Decay",
    "GradientClip",
    "LayerFreeze",
    "Multiplier",
    "OneCycle",
    "OptimizerKind",
    "OptimizerSettings",
    "ScheduleSettings",
    "Unit",
    "Warmup",
    "WeightAverage",
    "build_average",
    "build_clip",
    "build_freeze",
    "build_loss_optimizer",
    "build_optimizer",
    "build_schedule",
    "inherit",
    "learning_rate",
    "make_optimizer",
    "parse_multipliers",
    "set_learning_rate",
]
