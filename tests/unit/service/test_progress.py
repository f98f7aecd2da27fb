"""What a state means for people: incumbent, gain, winner, idle share."""

from __future__ import annotations

import pytest
from trials.studies import created

from orchestrator.events import (
    ControllerStarted,
    EpochReported,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
    fold,
)
from orchestrator.service.progress import SlotTime, best, best_so_far, default_at, seconds_left, winner


def log_of(*events_at) -> list[Logged]:
    return [Logged(seq, at, event) for seq, (at, event) in enumerate(events_at, 1)]


def trial(number: int, origin: Origin = Origin.RANDOM) -> TrialSuggested:
    return TrialSuggested(trial=number, values={}, origin=origin, reason="", bracket=0, to_epoch=9)


def start(segment: int, number: int) -> SegmentStarted:
    return SegmentStarted(segment=segment, trial=number, from_epoch=0, to_epoch=9)


def epoch(number: int, at: int, value: float) -> EpochReported:
    return EpochReported(trial=number, segment=number, epoch=at, metrics={"mAP": value, "seconds": 2.0})


def end(segment: int, number: int) -> SegmentEnded:
    return SegmentEnded(segment=segment, trial=number, outcome=OutcomeKind.COMPLETED, seconds=1.0)


STUDY = log_of(
    (0.0, created(trials=5, max_epochs=9)),
    (0.0, ControllerStarted(owner="h:1", token=1, workers=2)),
    (10.0, trial(1, Origin.DEFAULT)),
    (10.0, start(1, 1)),
    (12.0, epoch(1, 1, 0.10)),
    (14.0, epoch(1, 2, 0.20)),
    (14.0, end(1, 1)),
    (16.0, trial(2)),
    (16.0, start(2, 2)),
    (18.0, epoch(2, 1, 0.50)),
    (18.0, end(2, 2)),
)


def test_incumbent_is_the_best_epoch_and_its_gain_is_at_the_same_epochs():
    found = best(fold(STUDY))
    assert (found.trial, found.epoch) == (2, 1)
    assert found.gain == pytest.approx(0.40)


def test_winner_is_the_best_at_its_last_epoch_however_far_others_got():
    assert winner(fold(STUDY)).trial == 2


def test_default_is_told_at_its_last_epoch_or_at_another():
    state = fold(STUDY)
    assert default_at(state).epoch == 2
    assert default_at(state, 1).metrics["mAP"] == 0.10
    assert default_at(state, 7) is None


def test_a_completed_study_shows_its_winner_and_a_running_one_its_incumbent():
    ended = [*STUDY, Logged(12, 20.0, StudyEnded(status=StudyStatus.COMPLETED))]
    assert best(fold(STUDY)).trial == 2
    assert best(fold(ended)) == winner(fold(ended))
    assert best(fold(ended)).trial == 2


def test_a_confirmed_default_stands_with_its_mean_and_the_gain_is_between_means():
    events = [created(trials=2, max_epochs=1).model_copy(update={"confirm": 2})]
    events += [ControllerStarted(owner="h:1", token=1, workers=1)]
    told = [(0.666, None), (0.70, None), (0.695, 1), (0.69, 2), (0.578, 1), (0.68, 2)]
    for number, (value, repeats) in enumerate(told, 1):
        origin = Origin.CONFIRM if repeats else Origin.DEFAULT if number == 1 else Origin.RANDOM
        new = TrialSuggested(trial=number, values={}, reason="", bracket=0, to_epoch=1, origin=origin, confirms=repeats)
        opened = SegmentStarted(segment=number, trial=number, from_epoch=0, to_epoch=1)
        events += [new, opened, epoch(number, 1, value), end(number, number)]
    state = fold(log_of(*((0.0, event) for event in events)))

    default = default_at(state)
    assert default.runs == 3
    assert default.metrics["mAP"] == pytest.approx((0.666 + 0.695 + 0.578) / 3)
    assert default.deviations["mAP"] == pytest.approx(0.0609, abs=1e-4)
    assert winner(state).gain == pytest.approx(0.69 - default.metrics["mAP"])


def test_best_so_far_never_falls():
    assert best_so_far(fold(STUDY)) == (0.20, 0.50)


def test_time_left_is_the_epochs_left_at_the_pace_so_far_over_the_workers():
    state = fold(STUDY)
    assert seconds_left(state) == pytest.approx((state.created.plan.epochs - 3) * 2.0 / 2)


def idle_share(log, workers):
    time = SlotTime()
    for logged in log:
        time.take(logged)
    return time.idle_share(workers)


def test_idle_share_counts_free_slots_until_the_last_start():
    # 10 to 14: one of two slots busy; 14 to 16: none; after 16 nothing is left to start
    assert idle_share(STUDY, 2) == pytest.approx((4 + 4) / 12)


def test_time_between_two_controllers_is_not_idle():
    log = [*STUDY, Logged(12, 100.0, ControllerStarted(owner="h:2", token=2, workers=2)), Logged(13, 200.0, trial(3))]
    log += [Logged(14, 200.0, start(3, 3))]
    assert idle_share(log, 2) < 0.9


def test_confirmed_finalists_tell_which_constraints_their_means_break():
    """Both are fast enough in their first run; trial 2 wins because its mean is nearer to the limit, or below it."""
    first = created(trials=2, max_epochs=1).model_copy(update={"confirm": 1})
    space = first.space.model_copy(update={"constraints": ("latency_ms <= 5",)})

    def state(latencies):
        events = [first.model_copy(update={"space": space}), ControllerStarted(owner="h:1", token=1, workers=1)]
        for number, latency in enumerate(latencies, 1):
            again = {"origin": Origin.CONFIRM, "confirms": number - 2} if number > 2 else {"origin": Origin.RANDOM}
            metrics = {"mAP": 1.0 / number, "latency_ms": latency}
            events += [
                TrialSuggested(trial=number, values={}, reason="", bracket=0, to_epoch=1, **again),
                SegmentStarted(segment=number, trial=number, from_epoch=0, to_epoch=1),
                EpochReported(trial=number, segment=number, epoch=1, metrics=metrics),
                end(number, number),
            ]
        return fold(log_of(*((0.0, event) for event in events)))

    sound, broken = state([4.0, 4.0, 8.0, 5.0]), state([4.0, 4.0, 9.0, 7.0])
    assert (winner(sound).trial, winner(sound).broken) == (2, ())
    assert (winner(broken).trial, winner(broken).broken) == (2, ("latency_ms <= 5",))
    assert best(broken).broken == ("latency_ms <= 5",)
