"""What the analysis says of studies whose values are a known function of their parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analysed import SPACE, evidence, place, rises_with_lr, study

from orchestrator.events import TrialStatus
from orchestrator.service.analysis.analyse import KeptAnalyses, analysis_of
from orchestrator.service.analysis.dependence import dependence_of
from orchestrator.service.analysis.evidence import Evidence
from orchestrator.service.analysis.importance import MOST_TRIALS, importance_of
from orchestrator.service.analysis.promise import belief_of, gain_of
from reid_core.api import Protocol
from reid_core.errors import UsageError
from search_spaces.model import Choice, Float, Goal, Space

ONE = Space(name="one", parameters={"X": Float(low=0.0, high=1.0)})


def dependence(known):
    belief = known.belief()
    assert belief is not None
    return {one.name: one for one in dependence_of(known, belief, known.scale()).parameters}


def gain(known):
    belief = known.belief()
    assert belief is not None
    return gain_of(known, belief, known.scale())


# importance -----------------------------------------------------------------


@pytest.mark.slow
def test_importance_finds_the_one_parameter_that_matters():
    first, *others = importance_of(evidence(rises_with_lr, 30)).parameters
    assert first.name == "LR"
    assert first.mean > 0.9
    assert all(first.low > other.high for other in others)
    assert sum(one.mean for one in (first, *others)) == pytest.approx(1.0)
    assert all(one.low <= one.mean <= one.high for one in (first, *others))


@pytest.mark.slow
def test_importance_is_less_sure_after_fewer_noisy_trials():
    def width(trials):
        known = evidence(lambda values: rises_with_lr(values) / 3, trials, noise=0.05)
        return next(one.high - one.low for one in importance_of(known, draws=8).parameters if one.name == "LR")

    assert width(10) > width(80)


@pytest.mark.slow
def test_importance_finds_a_choice():
    first = importance_of(evidence(lambda values: 0.5 if values["KIND"] == "b" else 0.3, 24), draws=4).parameters[0]
    assert first.name == "KIND"
    assert first.mean > 0.8


@pytest.mark.slow
def test_importance_counts_failures_as_worst():
    """All that ran are equal but the first: that large learning rates fail is what there is to find."""
    values = {n: trial.values for n, trial in study(rises_with_lr, 30).trials.items()}
    failed = [n for n in range(2, 31) if place(SPACE, "LR", values[n]) > 0.6]
    known = evidence(lambda v: 0.1 if v == values[1] else 0.5, 30, failed=failed)
    assert importance_of(known, draws=6).parameters[0].name == "LR"


@pytest.mark.slow
def test_importance_of_a_large_study_is_over_a_fair_part_of_it():
    assert importance_of(evidence(rises_with_lr, MOST_TRIALS + 20), draws=1).trials == MOST_TRIALS


# dependence -----------------------------------------------------------------


@pytest.mark.slow
def test_dependence_rises_where_the_function_does_and_is_flat_elsewhere():
    known = dependence(evidence(rises_with_lr, 30))
    assert (np.diff(known["LR"].mean) > 0).all()
    assert known["LR"].mean[-1] - known["LR"].mean[0] > 0.35
    assert np.ptp(known["WIDTH"].mean) < 0.05
    assert known["LR"].log
    assert known["LR"].values[0] == pytest.approx(1e-5)


@pytest.mark.slow
def test_dependence_falls_where_the_metric_to_minimise_rises():
    known = dependence(evidence(lambda v: 3 - 2 * place(SPACE, "LR", v), 30, goal=Goal.MINIMIZE, metric="loss"))
    assert (np.diff(known["LR"].mean) < 0).all()
    assert known["LR"].mean[-1] == pytest.approx(1.0, abs=0.35)


@pytest.mark.slow
def test_dependence_of_a_choice_is_told_for_each_value():
    known = dependence(evidence(lambda values: 0.5 if values["KIND"] == "b" else 0.3, 30))["KIND"]
    assert known.values == ("a", "b", "c")
    assert known.choice
    assert known.mean[1] > known.mean[0] + 0.1
    assert known.mean[1] > known.mean[2] + 0.1


@pytest.mark.slow
def test_dependence_of_a_conditional_parameter_is_over_where_it_is_active():
    def value(values):
        return 0.1 + 0.6 * values["MARGIN"] if values["KIND"] == "a" else 0.9

    known = dependence(evidence(value, 60))["MARGIN"]
    assert known.mean[0] < 0.35  # not lifted by the 0.9 of those without a margin
    assert known.mean[-1] > known.mean[0] + 0.3


@pytest.mark.slow
def test_forks_do_not_count_as_results_of_their_own_values():
    """Forks of the worst trial whose new values look best: what they reached, others' values have begun."""
    state, alone = study(rises_with_lr, 30), analysis_of(evidence(rises_with_lr, 30))
    for number in range(31, 43):
        parent = state.trials[number - 30]
        state.trials[number] = replace(
            parent, id=number, values={**parent.values, "LR": 1e-5}, parent=parent.id, from_epoch=3,
            history={epoch: {"mAP": 0.99} for epoch in (9, 27)},
        )  # fmt: skip
    told = analysis_of(Evidence.of(state))
    assert told.results == 30
    assert (told.importance, told.dependence) == (alone.importance, alone.dependence)
    assert told.notes == ("12 forks are left out: other values did part of their training.",)


# belief ---------------------------------------------------------------------


def test_belief_names_a_resting_trial_that_will_be_the_best():
    known = evidence(rises_with_lr, 24, resting=8)
    highest = max(known.trials, key=lambda trial: place(SPACE, "LR", trial.values))
    part = belief_of(known, known.belief(), known.scale())
    assert part.trials[0].trial == highest.id
    assert [one.mean for one in part.trials] == sorted((one.mean for one in part.trials), reverse=True)
    resting = [one for one in part.trials if one.status is TrialStatus.RESTING]
    for one in resting:
        told = rises_with_lr(known.table.trial(one.trial - 1).values)
        assert abs(one.mean - told) < 4 * one.deviation + 0.02
    assert part.new is not None
    assert place(SPACE, "LR", part.new.values) > 0.8
    assert part.new.values not in [trial.values for trial in known.trials]


@pytest.mark.slow
def test_belief_keeps_why_each_was_chosen():
    state = study(rises_with_lr, 12)
    for trial in state.trials.values():
        trial.reason, trial.advance_reason = f"drawn {trial.id}", f"promoted {trial.id}"
    for one in analysis_of(Evidence.of(state)).belief.trials:
        assert (one.reason, one.advance_reason) == (f"drawn {one.trial}", f"promoted {one.trial}")


# gain -----------------------------------------------------------------------


def peak(values):
    return 0.6 - 0.8 * (values["X"] - 0.5) ** 2


def test_gain_shrinks_to_a_stop_once_the_optimum_is_found():
    far = evidence(peak, 8, space=ONE, values=lambda n: {"X": n / 40})
    near = evidence(peak, 14, space=ONE, values=lambda n: {"X": (n - 1) / 13 if n < 14 else 0.5})
    early, late = gain(far), gain(near)
    assert not early.stop
    assert early.next > 0.005
    assert late.stop
    assert late.next < 0.002
    assert late.text.endswith("Suggestion: stop: that is less than 0.20 points, " + late.threshold_reason + ".")


def test_four_runs_gain_no_less_than_one_and_cost_their_epochs():
    part = gain(evidence(rises_with_lr, 10))
    assert part.four >= part.next > 0
    assert (part.next_epochs, part.four_epochs) == (27, 108)


def test_next_run_may_be_a_resting_trial_and_costs_only_what_is_left():
    names = tuple("abcdefgh")
    space = Space(name="finite", parameters={"K": Choice(values=names, ordered=True)})
    known = evidence(
        lambda v: 0.2 + 0.05 * names.index(v["K"]), 8, space=space, resting=1, values=lambda n: {"K": names[8 - n]}
    )
    part = gain(known)
    assert (part.what, part.next_epochs, part.four_epochs) == ("trial 1, from epoch 9", 18, 18)
    assert part.next == pytest.approx(0.05, abs=0.03)
    assert not part.stop


def test_threshold_is_the_standard_error_over_seeds_where_there_are_some():
    known = evidence(peak, 16, space=ONE, noise=0.02, values=lambda n: {"X": (n % 8) / 7})
    part = gain(known)
    assert part.threshold == pytest.approx(0.02 / 2**0.5, rel=0.6)
    assert "over the seeds of 8 repeated configurations" in part.threshold_reason


def test_a_loss_near_zero_is_told_to_stop_by_the_spread_of_the_losses():
    """1 % of a best value of nothing would be nothing: no gain is below it. A quarter is worse than X = 1/8 or 7/8."""
    known = evidence(
        lambda v: 4 * (v["X"] - 0.5) ** 2, 15, space=ONE, values=lambda n: {"X": (n - 1) / 14},
        metric="loss", goal=Goal.MINIMIZE,
    )  # fmt: skip
    part = gain(known)
    assert part.best < 0.02
    assert part.threshold == pytest.approx(0.01 * (4 * (12.25 / 14 - 0.5) ** 2), rel=0.15)
    assert part.threshold_reason == "1 % of the distance from the best value to the worst quarter"
    assert part.stop


@pytest.mark.slow
def test_nothing_is_suggested_on_the_test_split():
    state = study(rises_with_lr, 10)
    assert state.created is not None
    state.created = state.created.model_copy(update={"protocol": Protocol.TEST})
    assert "nothing may be chosen on the test split" in analysis_of(Evidence.of(state)).gain.needs


def test_a_finite_space_that_was_tried_in_full_has_nothing_to_gain():
    space = Space(name="finite", parameters={"K": Choice(values=("a", "b", "c", "d", "e", "f"))})
    known = evidence(lambda v: 0.1 * ord(v["K"]) - 9.5, 6, space=space, values=lambda n: {"K": "abcdef"[n - 1]})
    assert "every configuration was tried in full" in gain(known).needs


# few results, many states ---------------------------------------------------


@pytest.mark.parametrize("trials", [0, 1, 5])
def test_few_results_say_what_is_needed_instead_of_numbers(trials):
    view = analysis_of(evidence(rises_with_lr, trials))
    assert f"there are {trials}" in view.importance.needs
    for part in (view.dependence, view.belief, view.gain):
        assert part.needs == f"at least 6 trials with a result; there are {trials}"


def test_only_failures_are_no_results():
    view = analysis_of(evidence(rises_with_lr, 10, failed=range(1, 11)))
    assert view.results == 0
    assert view.gain.needs


@pytest.mark.slow
def test_equal_values_everywhere_make_no_nonsense():
    view = analysis_of(evidence(lambda _: 0.5, 12))
    assert view.importance.needs == "results that differ: all are equal"
    assert view.gain.stop
    assert view.gain.next == pytest.approx(0.0, abs=1e-6)


@pytest.mark.slow
def test_analysis_is_the_same_for_the_same_results():
    assert analysis_of(evidence(rises_with_lr, 9)) == analysis_of(evidence(rises_with_lr, 9))


def test_an_objective_that_the_study_does_not_have_is_refused():
    with pytest.raises(UsageError, match="1 objective"):
        Evidence.of(study(rises_with_lr, 3), 1)


def test_kept_until_the_study_goes_on():
    reads = []

    def read(trials):
        reads.append(trials)
        return evidence(rises_with_lr, trials)

    kept = KeptAnalyses()
    first = kept.get("s", 0, 3, lambda: read(3))
    assert kept.get("s", 0, 3, lambda: read(3)) is first
    assert kept.get("s", 0, 4, lambda: read(4)) is not first
    assert reads == [3, 4]


@pytest.mark.slow
def test_a_thousand_trials_take_less_than_ten_seconds():
    import time

    known = evidence(rises_with_lr, 1000, resting=700)
    start = time.process_time()
    view = analysis_of(known)
    assert time.process_time() - start < 10
    assert f"{MOST_TRIALS} of 1000 trials" in view.notes[0]
