"""How a study spends its epochs: rung plans, and the algorithms that choose which trial advances next.

What may come in: pure functions of (space, plan, seed, state). No clock, file, process, Ray or torch.
"""

from orchestrator.search.algorithm import ALGORITHMS, Advance, Algorithm, Listed, Move, NewTrial, make_algorithm
from orchestrator.search.grid_search import GRID, GridPoint, grid_points
from orchestrator.search.plan import PlanRow, describe_plan, full_runs, make_plan, plan_for_epochs, scale_min_epochs

__all__ = [
    "ALGORITHMS",
    "GRID",
    "Advance",
    "Algorithm",
    "GridPoint",
    "Listed",
    "Move",
    "NewTrial",
    "PlanRow",
    "describe_plan",
    "full_runs",
    "grid_points",
    "make_algorithm",
    "make_plan",
    "plan_for_epochs",
    "scale_min_epochs",
]
