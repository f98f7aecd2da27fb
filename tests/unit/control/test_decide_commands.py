"""decide, when people have asked for something."""

from __future__ import annotations

from trials.studies import created

from orchestrator.control.decide import Finish, Start, Stop, Suggest, decide, unwanted
from orchestrator.events import (
    Asked,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
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
from orchestrator.search import NewTrial

NEW = NewTrial(values={"lr": 1e-3}, origin=Origin.RANDOM, reason="drawn", bracket=0, to_epoch=3)


class Always:
    """An algorithm that would open new trials for ever."""

    def next(self, _state):
        return NEW


def state_after(*events: Event, limits: Limits | None = None) -> StudyState:
    first = created().model_copy(update={"limits": limits or Limits()})
    log = [first, ControllerStarted(owner="h:1", token=1, workers=2), *events]
    return fold(Logged(seq, float(seq), event) for seq, event in enumerate(log, 1))


def begun(trial: int = 1) -> list[Event]:
    return [
        TrialSuggested(trial=trial, values={"lr": 1e-4}, origin=Origin.RANDOM, reason="r", bracket=0, to_epoch=1),
        SegmentStarted(segment=trial, trial=trial, from_epoch=0, to_epoch=1),
    ]


def rested(trial: int = 1) -> list[Event]:
    report = EpochReported(trial=trial, segment=trial, epoch=1, metrics={"mAP": 0.1})
    return [*begun(trial), report, SegmentEnded(segment=trial, trial=trial, outcome=OutcomeKind.COMPLETED)]


def command(kind: CommandKind, trial: int | None = None, **asked) -> CommandGiven:
    return CommandGiven(command=kind, trial=trial, by="anna", asked=Asked(**asked))


def test_a_stop_at_the_rung_starts_nothing_and_lets_what_runs_go_on():
    state = state_after(*begun(), command(CommandKind.STOP, at_rung=True))
    assert unwanted(state) == frozenset()
    assert decide(Always(), state, 2) is None
    ended = state_after(*rested(), command(CommandKind.STOP, at_rung=True))
    assert decide(Always(), ended, 2) == Finish(StudyStatus.STOPPED, "stopped by anna")


def test_a_second_stop_without_the_rung_ends_what_runs_after_its_epoch():
    state = state_after(*begun(), command(CommandKind.STOP, at_rung=True), command(CommandKind.STOP))
    assert decide(Always(), state, 2) == Stop(1)


def test_time_that_is_up_does_not_wait_for_the_rung():
    stop = command(CommandKind.STOP, at_rung=True)
    state = state_after(*begun(), stop, limits=Limits(wall_seconds=1.0))
    assert unwanted(state, now=1000.0) == {1}


def test_a_promotion_by_hand_comes_before_the_algorithms_own_move_and_names_who_asked():
    state = state_after(*rested(1), *rested(2), command(CommandKind.TRIAL_PROMOTE, 2))
    move = decide(Always(), state, 2)
    assert isinstance(move, Start)
    assert (move.trial, move.from_epoch, move.to_epoch, move.reason) == (2, 0, 3, "promoted by anna")


def test_a_promotion_that_the_limit_of_epochs_does_not_pay_for_is_not_made():
    promote = command(CommandKind.TRIAL_PROMOTE, 1)
    assert isinstance(decide(Always(), state_after(*rested(), promote, limits=Limits(epochs=3)), 2), Start)
    poor = state_after(*rested(), promote, limits=Limits(epochs=2))
    assert not isinstance(decide(Always(), poor, 2), Start | Suggest)
