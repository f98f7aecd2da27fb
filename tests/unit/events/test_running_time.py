"""How long a study has run: pauses, crashes and the time after its end do not count."""

from __future__ import annotations

import pytest
from trials.studies import created

from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    Logged,
    Origin,
    SegmentStarted,
    StudyEnded,
    StudyState,
    StudyStatus,
    TrialSuggested,
    fold,
)

START = ControllerStarted(owner="h:1", token=1, workers=1)


def state_of(*events_at) -> StudyState:
    log = [(0.0, created()), *events_at]
    return fold(Logged(seq, at, event) for seq, (at, event) in enumerate(log, 1))


def command(kind: CommandKind) -> CommandGiven:
    return CommandGiven(command=kind, by="test")


def test_time_before_the_first_controller_does_not_count():
    assert state_of((100.0, START)).wall_seconds(130.0) == 30.0


def test_a_pause_does_not_count():
    paused = ((10.0, START), (15.0, command(CommandKind.PAUSE)))
    assert state_of(*paused).wall_seconds(99.0) == 5.0
    resumed = state_of(*paused, (60.0, command(CommandKind.RESUME)))
    assert resumed.wall_seconds(67.0) == 12.0


def test_the_time_between_two_controllers_does_not_count():
    state = state_of((10.0, START), (18.0, TrialSuggested(**TRIAL)), (500.0, START))
    assert state.wall_seconds(504.0) == pytest.approx(8.0 + 4.0)


def test_nothing_counts_after_the_end():
    state = state_of((10.0, START), (40.0, StudyEnded(status=StudyStatus.COMPLETED)))
    assert state.wall_seconds(1e6) == 30.0


def test_a_clock_that_goes_back_takes_nothing_away():
    assert state_of((10.0, START)).wall_seconds(3.0) == 0.0


def test_segments_of_a_dead_controller_were_busy_until_its_last_word():
    begun = SegmentStarted(segment=1, trial=1, from_epoch=0, to_epoch=3)
    last_word = TrialSuggested(**{**TRIAL, "trial": 2})
    state = state_of((10.0, START), (10.0, TrialSuggested(**TRIAL)), (12.0, begun), (20.0, last_word), (500.0, START))
    assert state.busy_seconds == pytest.approx(8.0)


TRIAL = {"trial": 1, "values": {}, "origin": Origin.RANDOM, "reason": "", "bracket": 0, "to_epoch": 3}


def test_what_is_recorded_while_nobody_runs_the_study_is_no_run_time():
    """A crash at 20 s, a command two days later, and another controller: the first ran for 10 s."""
    begun = SegmentStarted(segment=1, trial=1, from_epoch=0, to_epoch=3)
    crashed = ((10.0, START), (10.0, TrialSuggested(**TRIAL)), (12.0, begun), (20.0, TrialSuggested(**OTHER)))
    for kind in (CommandKind.NOTE, CommandKind.QUEUE, CommandKind.PAUSE, CommandKind.RESUME, CommandKind.EXTEND):
        aside = CommandGiven(command=kind, by="test", aside=True)
        rests = state_of(*crashed, (172_820.0, aside))
        assert (rests.wall_seconds(), rests.updated_at) == (10.0, 172_820.0), kind
        state = state_of(*crashed, (172_820.0, aside), (172_830.0, START))
        assert (state.ran_seconds, state.busy_seconds) == (10.0, 8.0), kind
    note = CommandGiven(command=CommandKind.NOTE, by="test", aside=True)
    end = StudyEnded(status=StudyStatus.STOPPED, aside=True)
    ended = state_of(*crashed, (172_820.0, note), (172_821.0, end))
    assert (ended.ran_seconds, ended.ended_at) == (10.0, 172_821.0)


OTHER = {**TRIAL, "trial": 2}
