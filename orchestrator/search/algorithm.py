"""The algorithms by name, and how a study's own one is made.

An algorithm is a sampler (which configuration) with a schedule (how long it trains), or a whole of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.events import Plan, StudyCreated
from orchestrator.search.asking import Asking
from orchestrator.search.confirm import Confirming
from orchestrator.search.freeze_thaw import FREEZE_THAW, FreezeThaw
from orchestrator.search.grid_search import GRID, GridSearch
from orchestrator.search.moves import Advance, Algorithm, Move, NewTrial
from orchestrator.search.pbt import PBT, PopulationBasedTraining
from orchestrator.search.perturbation import check_changeable
from orchestrator.search.plan import make_plan, population_plan
from orchestrator.search.samplers.bohb import BohbSampler
from orchestrator.search.samplers.by_optuna.named import cma_es, gp, nsga2, nsga3, tpe
from orchestrator.search.samplers.hpbandster_model import HpbandsterSampler, check_hpbandster
from orchestrator.search.samplers.random_sampler import RandomSampler
from orchestrator.search.samplers.sobol import SobolSampler
from orchestrator.search.schedules.named import SCHEDULES, Layout, Schedule, for_epochs
from orchestrator.search.schedules.scheduled import Sampler, ScheduledSearch
from reid_core.errors import Finding, SpaceError
from search_spaces.model import Space

__all__ = [
    "ALGORITHMS",
    "Advance",
    "Algorithm",
    "Listed",
    "Move",
    "NewTrial",
    "check_algorithm",
    "lay_out",
    "lay_out_epochs",
    "make_algorithm",
    "schedule_of",
]


def _anything(space: Space) -> None:
    """An algorithm for every space, with nothing to install."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An algorithm as help and forms show it.

    `schedule` is that of an algorithm with a sampler, where nothing else is asked for; empty for a whole algorithm,
    whose plans `lay_out` makes. `check` raises what stands in the way of searching a space.
    """

    make: Callable[[StudyCreated], Algorithm]
    description: str
    schedule: str = ""
    lay_out: Layout = make_plan
    check: Callable[[Space], None] = _anything


def _sampled(
    sampler: Callable[[StudyCreated], Sampler],
    schedule: str,
    description: str,
    check: Callable[[Space], None] = _anything,
) -> Listed:
    """An algorithm with a sampler, on its own schedule or on the study's."""

    def make(created: StudyCreated) -> Algorithm:
        return ScheduledSearch(created, sampler(created), SCHEDULES[created.schedule or schedule].rule)

    return Listed(make, description, schedule, check=check)


def _one_objective(space: Space) -> None:
    if len(space.objective) > 1:
        message = f"cma-es optimises one objective, and {space.name} has {len(space.objective)}"
        hint = "use freeze-thaw, bohb, tpe, gp, nsga2 or nsga3"
        raise SpaceError(Finding("one-objective", message, key="search.algorithm", hint=hint))


def _hpbandster_installed(space: Space) -> None:  # noqa: ARG001 - one shape for all
    check_hpbandster()


ALGORITHMS: dict[str, Listed] = {
    "asha": _sampled(RandomSampler, "asha", "random configurations; the top of each rung goes on, nobody waits"),
    "bohb": _sampled(
        BohbSampler, "hyperband", "Hyperband's brackets; configurations from kernel densities of good and bad ones"
    ),
    "cma-es": _sampled(cma_es, "full", "Optuna's CMA-ES over the numbers, its TPE over the choices", _one_objective),
    FREEZE_THAW: Listed(FreezeThaw, "one Gaussian process over configuration and epoch; the most promising goes on"),
    "gp": _sampled(gp, "full", "Optuna's Gaussian process with expected improvement"),
    GRID: Listed(
        GridSearch,
        "every configuration of a finite list, in full, with as many seeds as asked for",
        lay_out=SCHEDULES["full"].lay_out,
    ),
    "hpbandster": _sampled(
        HpbandsterSampler, "hyperband", "Hyperband's brackets; hpbandster's own model (an extra)", _hpbandster_installed
    ),
    "hyperband": _sampled(RandomSampler, "hyperband", "random configurations in brackets, many short to one full run"),
    "median": _sampled(RandomSampler, "median", "random configurations; one below the median of the others stops"),
    "nsga2": _sampled(nsga2, "full", "Optuna's genetic algorithm NSGA-II, for one objective or several"),
    "nsga3": _sampled(nsga3, "full", "Optuna's genetic algorithm NSGA-III, for many objectives"),
    PBT: Listed(
        PopulationBasedTraining,
        "a population trains side by side; weak members go on from strong ones",
        lay_out=population_plan,
        check=check_changeable,
    ),
    "random": _sampled(RandomSampler, "full", "random configurations after the recipe's own, all in full"),
    "sobol": _sampled(SobolSampler, "full", "the points of a scrambled Sobol sequence, all in full"),
    "successive-halving": _sampled(
        RandomSampler, "successive-halving", "random configurations in brackets of one width, all from the lowest rung"
    ),
    "tpe": _sampled(tpe, "full", "Optuna's tree-structured Parzen estimator"),
}


def check_algorithm(algorithm: str, schedule: str, space: Space) -> None:
    """Raise what stands in the way of a study of `space`; an empty schedule is the algorithm's own.

    SpaceError: no algorithm or schedule of that name, a schedule for a whole algorithm, a space that it cannot search.
    UsageError: the algorithm needs a package that is not installed.
    """
    listed = ALGORITHMS.get(algorithm)
    if listed is None:
        known = ", ".join(ALGORITHMS)
        message = f"{algorithm!r} is not an algorithm"
        raise SpaceError(Finding("unknown-algorithm", message, key="search.algorithm", hint=f"known: {known}"))
    if schedule and schedule not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        message = f"{schedule!r} is not a schedule"
        raise SpaceError(Finding("unknown-schedule", message, key="search.schedule", hint=f"known: {known}"))
    if schedule and not listed.schedule:
        samplers = ", ".join(name for name, one in ALGORITHMS.items() if one.schedule)
        message = f"{algorithm} decides by itself how long trials train: it takes no schedule"
        hint = f"leave {schedule!r} out, or use one of {samplers}"
        raise SpaceError(Finding("schedule-with-whole", message, key="search.schedule", hint=hint))
    listed.check(space)


def schedule_of(algorithm: str, schedule: str = "") -> Schedule | None:
    """The schedule of a study: the one asked for, else the algorithm's own; None for a whole algorithm."""
    name = schedule or ALGORITHMS[algorithm].schedule
    return SCHEDULES[name] if name else None


def lay_out(algorithm: str, schedule: str, *, max_epochs: int, min_epochs: int, eta: int, trials: int) -> Plan:
    """The plan of `trials` configurations. Raises SpaceError with every number that makes no sense."""
    return _layout_of(algorithm, schedule)(max_epochs, min_epochs, eta, trials)


def lay_out_epochs(algorithm: str, schedule: str, *, max_epochs: int, min_epochs: int, eta: int, epochs: int) -> Plan:
    """The plan with as many trials as `epochs` pay for. Raises SpaceError when not even one full run fits."""
    if algorithm == PBT:  # a place costs a full run, and few places make no population
        return population_plan(max_epochs, min_epochs, eta, epochs // max_epochs)
    return for_epochs(_layout_of(algorithm, schedule), max_epochs, min_epochs, eta, epochs)


def _layout_of(algorithm: str, schedule: str) -> Layout:
    chosen = schedule_of(algorithm, schedule)
    return ALGORITHMS[algorithm].lay_out if chosen is None else chosen.lay_out


def make_algorithm(created: StudyCreated) -> Algorithm:
    """The study's algorithm. Raises as `check_algorithm` does."""
    check_algorithm(created.algorithm, created.schedule, created.space)
    algorithm = Asking(ALGORITHMS[created.algorithm].make(created), created)
    return Confirming(algorithm, created) if created.confirm else algorithm
