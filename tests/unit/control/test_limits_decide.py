"""Limits in decisions: nothing new starts when one is met, and what runs ends as the limit says."""

from __future__ import annotations

import pytest
from trials.studies import created

from orchestrator.control.decide import Finish, Start, Stop, Suggest, decide
from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Limits,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyState,
    StudyStatus,
    TrialSuggested,
    fold,
)
from orchestrator.search import Advance, NewTrial
from orchestrator.search.limits import committed_epochs, gpu_hours, limit_met, span
from orchestrator.trial.kinds import FailureKind
from search_spaces.model import Objective

NEW = NewTrial(values={"lr": 1e-3}, origin=Origin.RANDOM, reason="drawn", bracket=0, to_epoch=3)


class Scripted:
    """An algorithm that gives one move for ever."""

    def __init__(self, move=None):
        self.move = move

    def next(self, _state):
        return self.move


def state_after(limits: Limits, *events, gpus: float = 0.0) -> StudyState:
    """A study with rungs 1, 3, 9 whose events are a second apart; the controller starts at 2."""
    first = created().model_copy(update={"limits": limits, "gpus": gpus})
    log = [first, ControllerStarted(owner="h:1", token=1, workers=2), *events]
    return fold(Logged(seq, float(seq), event) for seq, event in enumerate(log, 1))


def begun(trial: int, *values: float, to_epoch: int = 3, confirms: int | None = None) -> list:
    """A trial with its first epochs reported, still running."""
    return [
        TrialSuggested(
            trial=trial,
            values={"lr": 1e-3},
            origin=Origin.RANDOM,
            reason="r",
            bracket=0,
            to_epoch=to_epoch,
            confirms=confirms,
        ),
        SegmentStarted(segment=trial, trial=trial, from_epoch=0, to_epoch=to_epoch),
        *(
            EpochReported(trial=trial, segment=trial, epoch=epoch, metrics={"mAP": value})
            for epoch, value in enumerate(values, 1)
        ),
    ]


def rested(trial: int, *values: float, to_epoch: int = 3) -> list:
    ended = SegmentEnded(segment=trial, trial=trial, outcome=OutcomeKind.COMPLETED, seconds=1800.0)
    return [*begun(trial, *values, to_epoch=to_epoch), ended]


TARGET = Limits(target="mAP >= 0.5")


def test_a_target_ends_the_search_with_the_trial_and_epoch_that_reached_it():
    state = state_after(TARGET, *rested(1, 0.1, 0.2, 0.3), *rested(2, 0.4, 0.45, 0.52))
    reason = "target mAP >= 0.5 reached by trial 2 at epoch 3"
    assert decide(Scripted(NEW), state, slots=2) == Finish(StudyStatus.COMPLETED, reason)


def test_what_runs_goes_on_to_its_rung_after_the_target_was_reached():
    state = state_after(TARGET, *rested(1, 0.1, 0.2, 0.6), *begun(2, 0.1))
    assert decide(Scripted(NEW), state, slots=2) is None


def test_a_value_between_two_rungs_reaches_no_target():
    state = state_after(TARGET, *rested(1, 0.1, 0.9, 0.3))
    assert decide(Scripted(NEW), state, slots=1) == Suggest(2, NEW)


def test_a_lucky_repetition_reaches_no_target():
    state = state_after(TARGET, *rested(1, 0.1, 0.2, 0.3), *begun(2, 0.1, 0.2, 0.9, confirms=1))
    assert limit_met(state, TARGET) == ""


def test_a_lost_trial_is_not_continued_after_the_target_was_reached():
    lost = SegmentEnded(segment=2, trial=2, outcome=OutcomeKind.FAILED, failure=FailureKind.LOST, message="gone")
    state = state_after(TARGET, *rested(1, 0.1, 0.2, 0.6), *begun(2, 0.1), lost)
    assert isinstance(decide(Scripted(NEW), state, slots=2), Finish)


def test_wall_time_stops_what_runs_and_then_ends_the_search():
    limits = Limits(wall_seconds=45)
    running = state_after(limits, *begun(1, 0.1))
    assert decide(Scripted(NEW), running, 1, now=46.0) is None
    assert decide(Scripted(NEW), running, 1, now=47.0) == Stop(1)
    assert decide(Scripted(NEW), running, 1, frozenset({1}), 47.0) is None
    paused = state_after(limits, *begun(1, 0.1), SegmentEnded(segment=1, trial=1, outcome=OutcomeKind.PAUSED))
    ended = decide(Scripted(NEW), paused, 1, now=47.0)
    assert ended == Finish(StudyStatus.COMPLETED, "the limit of 45 s wall time is reached")


def test_wall_time_is_counted_to_the_time_given_and_not_to_the_last_event():
    state = state_after(Limits(wall_seconds=60))
    assert decide(Scripted(NEW), state, 1) == Suggest(1, NEW)
    assert isinstance(decide(Scripted(NEW), state, 1, now=1000.0), Finish)


def test_the_same_state_and_time_give_the_same_decision():
    state = state_after(Limits(wall_seconds=60), *begun(1, 0.1))
    assert decide(Scripted(NEW), state, 2, now=70.0) == decide(Scripted(NEW), state, 2, now=70.0)


def test_a_paused_study_rests_though_its_time_is_up():
    state = state_after(Limits(wall_seconds=1), CommandGiven(command=CommandKind.PAUSE, by="x"))
    assert decide(Scripted(NEW), state, 1, now=99.0) == Finish(StudyStatus.PAUSED, "")


def test_gpu_hours_count_ended_and_running_segments_of_every_gpu():
    state = state_after(Limits(), *rested(1, 0.1, 0.2, 0.3), *begun(2, 0.1), gpus=2.0)
    started = state.running[2].started
    assert gpu_hours(state, started + 3600) == pytest.approx(2.0 * (0.5 + 1.0))
    limits = Limits(gpu_hours=1.0)
    assert limit_met(state, limits) == "the limit of 1 GPU-hours is reached"
    assert limit_met(state_after(limits, *rested(1, 0.1)), limits) == ""  # no GPU, no GPU-hours


def test_a_move_that_the_epochs_do_not_pay_for_is_not_made():
    limits = Limits(epochs=8)
    state = state_after(limits, *rested(1, 0.1, 0.2, 0.3), *rested(2, 0.2, 0.3, 0.4))
    decision = decide(Scripted(NEW), state, 1)
    reason = "6 of 8 epochs are spent, and the next step takes more than the rest"
    assert decision == Finish(StudyStatus.COMPLETED, reason)


def test_epochs_that_running_trials_will_take_are_spoken_for():
    state = state_after(Limits(epochs=5), *begun(1, 0.1))
    assert decide(Scripted(NEW), state, 2) is None  # 1 spent, 2 to come, 2 left, 3 needed
    assert decide(Scripted(NEW), state_after(Limits(epochs=6), *begun(1, 0.1)), 2) == Suggest(2, NEW)


def failed(trial: int, *values: float, to_epoch: int = 3) -> list:
    gone = SegmentEnded(segment=trial, trial=trial, outcome=OutcomeKind.FAILED, message="m", final=True)
    return [*begun(trial, *values, to_epoch=to_epoch), gone]


def retry(trial: int) -> CommandGiven:
    return CommandGiven(command=CommandKind.TRIAL_RETRY, trial=trial, by="x")


def test_a_retried_trial_that_the_epochs_do_not_pay_for_is_not_continued():
    events = [*failed(1, 0.1, to_epoch=9), *rested(2, 0.1, 0.2, 0.3), retry(1)]
    assert decide(Scripted(), state_after(Limits(epochs=12), *events), 1).trial == 1
    reason = "4 of 11 epochs are spent, and going on with trial 1 takes 8: more than the rest"
    ended = decide(Scripted(), state_after(Limits(epochs=11), *events), 1)
    assert ended.status is StudyStatus.COMPLETED
    assert ended.reason.startswith(reason)


def test_what_fits_goes_on_beside_a_retried_trial_that_does_not():
    """Trial 3 waits behind it, runs, and leaves 5 of 9 epochs: enough for a new trial, not for the retried one."""
    events = [*failed(1, 0.1, to_epoch=9), *failed(3, 0.1), retry(1), retry(3)]
    limits = Limits(epochs=9)
    assert decide(Scripted(NEW), state_after(limits, *events), 1).trial == 3
    events += [SegmentStarted(segment=4, trial=3, from_epoch=0, to_epoch=3)]
    assert decide(Scripted(NEW), state_after(limits, *events), 2) == Suggest(4, NEW)
    assert decide(Scripted(), state_after(limits, *events), 2) is None


def test_a_trial_stopped_and_retried_waits_for_its_own_segment():
    stop = CommandGiven(command=CommandKind.TRIAL_STOP, trial=1, by="x")
    state = state_after(Limits(), *begun(1, 0.1), stop, retry(1))
    assert decide(Scripted(NEW), state, 2) == Suggest(2, NEW)


def test_a_trial_that_was_asked_to_stop_keeps_its_epochs_until_it_has():
    """Its segment may be in the middle of an epoch, which is spent as well."""
    stop = CommandGiven(command=CommandKind.TRIAL_STOP, trial=1, by="x")
    assert committed_epochs(state_after(Limits(), *begun(1, 0.1), stop)) == 3


def test_of_several_objectives_under_constraints_a_sound_trial_is_promoted():
    """Trial 1 has the best mAP and is too slow; 2 and 3 are sound, and 3 is dominated."""
    first = created().model_copy(update={"limits": Limits(epochs=5)})
    aims = {"objective": (Objective(), Objective(metric="rank1")), "constraints": ("latency_ms <= 5",)}
    first = first.model_copy(update={"space": first.space.model_copy(update=aims)})
    told = {1: (0.9, 0.9, 9.0), 2: (0.5, 0.6, 4.0), 3: (0.4, 0.5, 4.0)}
    events: list = [first, ControllerStarted(owner="h:1", token=1, workers=1)]
    for trial, (quality, rank, latency) in told.items():
        metrics = {"mAP": quality, "rank1": rank, "latency_ms": latency}
        begin, end = begun(trial, to_epoch=1), rested(trial, to_epoch=1)[-1]
        events += [*begin, EpochReported(trial=trial, segment=trial, epoch=1, metrics=metrics), end]
    state = fold(Logged(seq, float(seq), event) for seq, event in enumerate(events, 1))
    decision = decide(Scripted(NEW), state, 1)
    assert isinstance(decision, Start)
    assert (decision.trial, decision.to_epoch) == (2, 3)
    assert "(mAP 0.500, rank1 0.600)" in decision.reason


def test_the_best_promotion_that_fits_takes_the_place_of_a_move_that_does_not():
    events = [*rested(1, 0.1, to_epoch=1), *rested(2, 0.3, to_epoch=1), *rested(3, 0.2, 0.2, 0.2)]
    move = Advance(trial=3, to_epoch=9, reason="far")
    decision = decide(Scripted(move), state_after(Limits(epochs=8), *events), 1)
    assert isinstance(decision, Start)
    assert (decision.trial, decision.to_epoch) == (2, 3)
    assert "3 of 8 epochs are left" in decision.reason
    assert decide(Scripted(move), state_after(Limits(epochs=11), *events), 1).trial == 3


def test_failures_are_told_beside_the_limit():
    events = [*rested(1, 0.1, 0.2, 0.6), *begun(2)]
    events.append(SegmentEnded(segment=2, trial=2, outcome=OutcomeKind.FAILED, message="m", final=True))
    decision = decide(Scripted(NEW), state_after(TARGET, *events), slots=2)
    assert decision.reason.endswith("reached by trial 1 at epoch 3; 1 of 2 trials failed")


@pytest.mark.parametrize(
    ("seconds", "told"), [(45, "45 s"), (60, "1 min"), (90, "90 s"), (2700, "45 min"), (28800, "8 h"), (172800, "2 d")]
)
def test_spans_are_told_as_people_give_them(seconds, told):
    assert span(seconds) == told
