"""Simulated studies of two objectives: the model's front is larger than chance's, and decisions can be replayed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from search_driver import Driven, created_for, drive

from orchestrator.events import fold
from orchestrator.events.aims import Aims
from orchestrator.events.front import FrontTally
from orchestrator.events.pareto import hypervolume
from orchestrator.search import Advance, make_algorithm
from orchestrator.search.plan import make_plan
from reid_core.config import Values
from search_spaces.model import Choice, Float, Int, Space

SPACE = Space(
    name="two",
    objective=["mAP", "latency_ms"],
    parameters={
        "lr": Float(low=1e-5, high=1e-1, log=True),
        "width": Float(low=0.1, high=2.0),
        "depth": Int(low=1, high=10),
        "decay": Float(low=0.0, high=1.0),
        "optimiser": Choice(values=("a", "b", "c")),
    },
)


def curve(values: Values, epoch: int) -> dict[str, float]:
    """Larger models are better and slower; the other parameters matter for quality alone."""
    rate, decay, width = (float(str(values[key])) for key in ("lr", "decay", "width"))
    depth = float(str(values["depth"]))
    tuned = math.exp(-((math.log10(rate) + 3) ** 2) / 2 - 2 * (decay - 0.3) ** 2)
    best = 0.9 * (1 - math.exp(-width * depth / 5)) * tuned * (1.0 if values["optimiser"] == "b" else 0.8)
    return {"mAP": best * (1 - math.exp(-epoch / 10)), "latency_ms": 1 + width**1.5 * depth}


def volume(study: Driven) -> float:
    """Of the box from no mAP at 30 ms to all at once."""
    created = study.created
    tally = FrontTally().count(study.state.trials.values(), Aims.of(created), created.plan.rungs)
    points = np.array([one.vector for one in tally.front]).reshape(-1, 2)
    return hypervolume(points / [1.0, 30.0], np.array([0.0, -1.0]))


def mean_volume(algorithm: str, trials: int, seeds: int) -> float:
    plan = make_plan(27, 3, 3, trials)
    studies = (drive(created_for(SPACE, plan, algorithm, seed=seed), curve=curve) for seed in range(seeds))
    return float(np.mean([volume(study) for study in studies]))


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "trials", "seeds"), [("freeze-thaw", 20, 8), ("bohb", 60, 16)])
def test_the_models_front_dominates_more_than_that_of_chance(algorithm: str, trials: int, seeds: int) -> None:
    assert mean_volume(algorithm, trials, seeds) > mean_volume("random", trials, seeds) + 0.01


@pytest.mark.parametrize("workers", [1, 4])
def test_nobody_who_breaks_a_constraint_goes_on_before_somebody_who_does_not(workers: int) -> None:
    space = SPACE.model_copy(update={"objective": SPACE.objective[:1], "constraints": ("latency_ms <= 4",)})
    study = drive(created_for(space, make_plan(27, 3, 3, 20), "bohb", seed=1, workers=workers), curve=curve)
    broke = 0
    for seq, move in study.moves:
        if not isinstance(move, Advance):
            continue
        state = fold(study.log[:seq])
        mine = state.trials[move.trial]
        if mine.metrics["latency_ms"] > 4:
            broke += 1
            same = [one for one in state.trials.values() if (one.bracket, one.to_epoch) == (mine.bracket, mine.epoch)]
            assert not any(one.status.value == "resting" and one.metrics["latency_ms"] <= 4 for one in same)
    assert broke < sum(isinstance(move, Advance) for _, move in study.moves) / 2


@pytest.mark.parametrize("algorithm", ["freeze-thaw", "bohb"])
def test_replay_gives_the_same_moves(algorithm: str) -> None:
    created = created_for(SPACE, make_plan(9, 1, 3, 9), algorithm, seed=2, workers=3)
    study = drive(created, curve=curve, order=4, p_fail=0.1)
    for seq, move in study.moves:
        assert make_algorithm(created).next(fold(study.log[:seq])) == move


@pytest.mark.parametrize("order", range(5))
def test_no_rung_is_over_promoted_whatever_comes_when(order: int) -> None:
    plan = make_plan(9, 1, 3, 9)
    study = drive(created_for(SPACE, plan, "bohb", seed=order, workers=4), curve=curve, order=order, p_fail=0.1)
    for index, bracket in enumerate(plan.brackets):
        trials = [one for one in study.state.trials.values() if one.bracket == index]
        for rung, size in zip(bracket.rungs, bracket.sizes, strict=True):
            assert sum(one.to_epoch >= rung for one in trials) <= size
