"""Constraints on what a trial reports: told apart from those on configurations, checked, and measured."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from reid_core.errors import SpaceError
from search_spaces.encoding import Encoder
from search_spaces.load import load_space
from search_spaces.model import Float, Space, Tied
from search_spaces.outcomes import violation

HEAD = (
    "recipe: bnneck\nparameters:\n  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}\nconstraints:\n"
)
PARAMETERS = {"lr": Float(low=0.1, high=1.0)}


def test_metrics_and_configuration_keys_are_told_apart() -> None:
    text = HEAD + "  - latency_ms <= 5\n  - SOLVER.BASE_LR < 1\n  - mAP >= 0.3 and rank1 > 0.5\n"

    space = load_space(text).space

    assert space.outcome_constraints == ("latency_ms <= 5", "mAP >= 0.3 and rank1 > 0.5")
    assert space.configuration_constraints == ("SOLVER.BASE_LR < 1",)
    assert [one.text for one in Encoder(space, load_space(text).base).constraints] == ["SOLVER.BASE_LR < 1"]


@pytest.mark.parametrize(
    ("constraint", "code", "offset", "says"),
    [
        ("latency_ms <= SOLVER.BASE_LR", "mixed-constraint", 14, "not over both"),
        ("latency_ms <= 5 and latency < 1", "mixed-constraint", 20, "did you mean latency_ms"),
        ("latency <= 5", "unknown-key", 0, "did you mean latency_ms"),
        ("latency_ms <= 'fast'", "wrong-type", 14, "metrics are numbers"),
        ("mAP >= 0.9 and latency_ms <= 'fast'", "wrong-type", 29, "metrics are numbers"),
        ("latency_ms <=", "bad-constraint", None, ""),
        ("mAP >= 60", "out-of-range", 7, "write 0.6 for 60 %"),
        ("latency_ms <= 5 and 60 <= mAP", "out-of-range", 20, "write 0.6 for 60 %"),
        ("mAP > -1", "out-of-range", 6, ""),
        ("latency_ms", "wrong-type", 0, "compare them with numbers, as in latency_ms <= 5"),
        ("mAP >= 0.5 and latency_ms", "wrong-type", 15, "compare them"),
        ("not latency_ms", "wrong-type", None, "compare them"),
        ("1 <= 2", "constant-constraint", 0, "write what is compared"),
    ],
)
def test_a_wrong_constraint_is_refused_with_its_place(constraint, code, offset, says) -> None:
    with pytest.raises(SpaceError) as caught:
        load_space(HEAD + f"  - {constraint}\n")

    (found,) = caught.value.findings
    assert (found.code, found.line) == (code, 5)
    assert offset is None or found.col == 5 + offset
    assert says in found.hint


def test_percent_may_be_written_as_a_product() -> None:
    assert load_space(HEAD + "  - 100 * mAP >= 60\n").space.outcome_constraints == ("100 * mAP >= 60",)


def test_a_key_of_the_space_with_a_metrics_name_is_a_key() -> None:
    space = Space(name="s", parameters={"loss": Float(low=0.1, high=1.0)}, constraints=["loss < 0.5"])

    assert space.outcome_constraints == ()
    assert space.configuration_constraints == ("loss < 0.5",)


def test_a_tied_key_with_a_metrics_name_is_a_key_in_a_file_and_in_code() -> None:
    text = (
        "name: s\nparameters:\n  lr: {type: float, low: 0.1, high: 1.0, prior: 0.2}\n"
        "  latency_ms: {type: tied, to: lr, factor: 2}\nconstraints: [latency_ms + lr < 1]\n"
    )
    made = Space(
        name="s", parameters=PARAMETERS, tied={"latency_ms": Tied(to="lr")}, constraints=["latency_ms + lr < 1"]
    )
    loaded = load_space(text)

    for space in (loaded.space, made):
        assert (space.outcome_constraints, space.costs) == ((), ())
        assert space.configuration_constraints == ("latency_ms + lr < 1",)
    assert "latency_ms = 1.0" in Encoder(loaded.space, loaded.base).refusal({"lr": 0.5})


def test_costs_are_those_that_objectives_and_constraints_name() -> None:
    plain = Space(name="s", parameters=PARAMETERS)
    both = Space(name="s", parameters=PARAMETERS, objective=["mAP", "flops"], constraints=["latency_ms < 5"])

    assert plain.costs == ()
    assert both.costs == ("latency_ms", "flops")


def test_an_objective_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="an objective twice"):
        Space(name="s", parameters=PARAMETERS, objective=["mAP", {"metric": "mAP", "goal": "minimize"}])


@pytest.mark.parametrize(
    ("text", "metrics", "amount"),
    [
        ("latency_ms <= 5", {"latency_ms": 5.0}, 0.0),
        ("latency_ms <= 5", {"latency_ms": 7.0}, 0.4),
        ("mAP >= 0.5", {"mAP": 0.25}, 0.5),
        ("mAP >= 0.5 and latency_ms <= 5", {"mAP": 0.25, "latency_ms": 7.0}, 0.9),
        ("mAP >= 0.5 or latency_ms <= 5", {"mAP": 0.25, "latency_ms": 7.0}, 0.4),
        ("2 < latency_ms <= 5", {"latency_ms": 7.0}, 0.4),
        ("not latency_ms > 5", {"latency_ms": 7.0}, 1.0),
        ("loss > 0", {"loss": -0.5}, 0.5),
        ("latency_ms <= 5", {}, math.inf),
        ("latency_ms <= 5", {"latency_ms": math.nan}, math.inf),
        ("1 / loss < 2", {"loss": 0.0}, math.inf),
    ],
)
def test_violation_is_how_far_the_sides_are_apart(text, metrics, amount) -> None:
    assert violation(text, metrics) == pytest.approx(amount)


def test_a_strict_comparison_that_fails_by_nothing_still_fails() -> None:
    assert violation("latency_ms < 5", {"latency_ms": 5.0}) > 0


def test_a_metric_with_a_minus_in_its_name_is_told_apart_from_a_misspelling():
    text = "recipe: face\nparameters:\n  SOLVER.BASE_LR: {type: float, low: 0.001, high: 0.1}\n"
    with pytest.raises(SpaceError, match="a constraint subtracts at `-`"):
        load_space(text + "constraints: [tpr_at_fpr_1e-2 >= 0.5]\n")
