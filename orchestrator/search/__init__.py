"""How a study spends its epochs: rung plans, and the algorithms that choose which trial advances next.

What may come in: pure functions of (space, plan, seed, state). No clock, file, process, Ray or torch.
"""

from orchestrator.search.algorithm import (
    ALGORITHMS,
    Advance,
    Algorithm,
    Listed,
    Move,
    NewTrial,
    check_algorithm,
    lay_out,
    lay_out_epochs,
    make_algorithm,
    schedule_of,
)
from orchestrator.search.freeze_thaw import FREEZE_THAW
from orchestrator.search.grid_search import GRID, GridPoint, grid_points
from orchestrator.search.pbt import PBT, epochs_to_go_on_from
from orchestrator.search.plan import (
    MOST_TRIALS,
    PlanRow,
    describe_plan,
    full_runs,
    make_plan,
    plan_for_epochs,
    scale_min_epochs,
)
from orchestrator.search.schedules.named import SCHEDULES

__all__ = [
    "ALGORITHMS",
    "FREEZE_THAW",
    "GRID",
    "MOST_TRIALS",
    "PBT",
    "SCHEDULES",
    "Advance",
    "Algorithm",
    "GridPoint",
    "Listed",
    "Move",
    "NewTrial",
    "PlanRow",
    "check_algorithm",
    "describe_plan",
    "epochs_to_go_on_from",
    "full_runs",
    "grid_points",
    "lay_out",
    "lay_out_epochs",
    "make_algorithm",
    "make_plan",
    "plan_for_epochs",
    "scale_min_epochs",
    "schedule_of",
]
