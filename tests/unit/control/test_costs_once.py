"""Costs are measured once for each network of a study: two measurements of one network differ by noise."""

from __future__ import annotations

import pytest
from trials.studies import created

from orchestrator.control.costs import known_costs
from orchestrator.events import EpochReported, Logged, Origin, SegmentStarted, TrialSuggested, fold
from reid_core.config.costs import decides_cost
from search_spaces.model import Choice, Float, Space, Tied

RATE, DEPTH = "SOLVER.BASE_LR", "MODEL.BACKBONE.DEPTH"


def state(*trials: tuple[float, str, dict[str, float]], constraints=("latency_ms <= 15",), tied=None):
    parameters = {RATE: Float(low=1e-5, high=1e-1, log=True), DEPTH: Choice(values=("18x", "34x"))}
    space = Space(name="costs", parameters=parameters, constraints=constraints, tied=tied or {})
    base = {RATE: 1e-3, DEPTH: "18x", "TEST.FLIP.ENABLED": False}
    events = [created(trials=3, max_epochs=9).model_copy(update={"space": space, "base": base})]
    for number, (rate, depth, metrics) in enumerate(trials, start=1):
        values = {RATE: rate, DEPTH: depth}
        events.append(
            TrialSuggested(trial=number, values=values, origin=Origin.RANDOM, reason="", bracket=0, to_epoch=1)
        )
        if metrics:
            events.append(SegmentStarted(segment=number, trial=number, from_epoch=0, to_epoch=1))
            events.append(EpochReported(trial=number, segment=number, epoch=1, metrics={"mAP": 0.5, **metrics}))
    return fold([Logged(place, 0.0, event) for place, event in enumerate(events, start=1)])


def test_a_network_keeps_the_costs_that_its_first_trial_reported():
    found = state((1e-3, "18x", {"latency_ms": 24.0}), (1e-2, "34x", {"latency_ms": 40.0}), (1e-4, "18x", {}))
    assert known_costs(found, found.trials[3]) == {"latency_ms": 24.0}


def test_another_network_is_measured():
    found = state((1e-3, "18x", {"latency_ms": 24.0}), (1e-3, "34x", {}))
    assert known_costs(found, found.trials[2]) == {}


def test_a_trial_that_goes_on_keeps_its_own():
    found = state((1e-3, "18x", {"latency_ms": 24.0}), (1e-4, "18x", {"latency_ms": 70.0}))
    assert known_costs(found, found.trials[2]) == {"latency_ms": 70.0}


def test_what_is_tied_tells_networks_apart():
    tied = {"TEST.FLIP.ENABLED": Tied(expression="SOLVER.BASE_LR > 0.005")}
    found = state((1e-3, "18x", {"latency_ms": 24.0}), (1e-2, "18x", {}), (1e-4, "18x", {}), tied=tied)
    assert known_costs(found, found.trials[2]) == {}
    assert known_costs(found, found.trials[3]) == {"latency_ms": 24.0}


def test_a_study_that_asks_for_no_costs_knows_none():
    found = state((1e-3, "18x", {"latency_ms": 24.0}), constraints=())
    assert known_costs(found, found.trials[1]) == {}


@pytest.mark.parametrize(
    ("key", "decides"),
    [
        ("MODEL.BACKBONE.DEPTH", True),
        ("INPUT.SIZE_TEST", True),
        ("TEST.FLIP.ENABLED", True),
        ("SOLVER.AMP.ENABLED", True),
        ("SOLVER.BASE_LR", False),
        ("MODEL.LOSSES.TRI.MARGIN", False),
        ("KD.LOGITS.SCALE", False),
        ("MODEL.BACKBONE.PRETRAIN_PATH", False),
    ],
)
def test_keys_that_decide_what_a_model_costs(key, decides):
    assert decides_cost(key) is decides
