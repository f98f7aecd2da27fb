"""decide: the next decision from a state alone."""

from __future__ import annotations

import pytest
from trials.studies import created

from orchestrator.control.decide import Finish, Start, Stop, Suggest, decide
from orchestrator.control.retry import RETRIES, is_final
from orchestrator.events import (
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
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
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed


class Scripted:
    """An algorithm that gives one move for ever."""

    def __init__(self, move=None):
        self.move = move

    def next(self, _state):
        return self.move


NEW = NewTrial(values={"lr": 1e-3}, origin=Origin.RANDOM, reason="drawn", bracket=0, to_epoch=3)


def state_after(*events) -> StudyState:
    log = [created(), ControllerStarted(owner="h:1", token=1, workers=2), *events]
    return fold(Logged(seq, float(seq), event) for seq, event in enumerate(log, 1))


def suggested(trial: int, to_epoch: int = 3) -> TrialSuggested:
    return TrialSuggested(
        trial=trial, values={"lr": 1e-3}, origin=Origin.RANDOM, reason="r", bracket=0, to_epoch=to_epoch
    )


def started(segment: int, trial: int, to_epoch: int = 3, attempt: int = 1) -> SegmentStarted:
    return SegmentStarted(segment=segment, trial=trial, from_epoch=0, to_epoch=to_epoch, attempt=attempt)


def lost(segment: int, trial: int, *, final: bool = False, kind: FailureKind = FailureKind.LOST) -> SegmentEnded:
    return SegmentEnded(
        segment=segment, trial=trial, outcome=OutcomeKind.FAILED, failure=kind, message="gone", final=final
    )


def test_free_slot_gets_what_the_algorithm_wants():
    assert decide(Scripted(NEW), state_after(), slots=1) == Suggest(1, NEW)


def test_no_slot_means_waiting():
    state = state_after(suggested(1), started(1, 1))
    assert decide(Scripted(NEW), state, slots=1) is None
    assert decide(Scripted(NEW), state, slots=2) == Suggest(2, NEW)


def test_resting_trial_advances_from_its_checkpoint():
    state = state_after(
        suggested(1),
        started(1, 1),
        EpochReported(trial=1, segment=1, epoch=3, metrics={"mAP": 0.5}),
        CheckpointSaved(trial=1, segment=1, epoch=3, path="p", sha256="x"),
        SegmentEnded(segment=1, trial=1, outcome=OutcomeKind.COMPLETED),
    )
    move = Advance(trial=1, to_epoch=9, reason="best of 1")
    assert decide(Scripted(move), state, slots=1) == Start(1, 3, 9, 1, "best of 1")


def test_lost_trial_runs_again_before_anything_new():
    state = state_after(
        suggested(1),
        started(1, 1),
        CheckpointSaved(trial=1, segment=1, epoch=2, path="p", sha256="x"),
        lost(1, 1),
    )
    decision = decide(Scripted(NEW), state, slots=1)
    assert isinstance(decision, Start)
    assert (decision.trial, decision.from_epoch, decision.to_epoch, decision.attempt) == (1, 2, 3, 2)
    assert "lost" in decision.reason


def test_orphans_of_a_dead_controller_run_again():
    state = state_after(suggested(1), started(1, 1), ControllerStarted(owner="h:2", token=2, workers=2))
    decision = decide(Scripted(NEW), state, slots=1)
    assert isinstance(decision, Start)
    assert decision.trial == 1


@pytest.mark.parametrize("command", [CommandKind.PAUSE, CommandKind.STOP])
def test_pause_and_stop_ask_every_segment_once_then_finish(command):
    running = state_after(
        suggested(1), started(1, 1), suggested(2), started(2, 2), CommandGiven(command=command, by="x")
    )
    assert decide(Scripted(NEW), running, slots=2) == Stop(1)
    assert decide(Scripted(NEW), running, 2, frozenset({1})) == Stop(2)
    assert decide(Scripted(NEW), running, 2, frozenset({1, 2})) is None
    calm = state_after(CommandGiven(command=command, by="x"))
    decision = decide(Scripted(NEW), calm, slots=2)
    assert isinstance(decision, Finish)


def test_stopped_trial_is_asked_to_stop_and_others_go_on():
    state = state_after(suggested(1), started(1, 1), CommandGiven(command=CommandKind.TRIAL_STOP, trial=1, by="x"))
    assert decide(Scripted(NEW), state, slots=2) == Stop(1)
    assert decide(Scripted(NEW), state, 2, frozenset({1})) == Suggest(2, NEW)


def test_finished_search_completes_and_counts_failures():
    state = state_after(
        suggested(1),
        started(1, 1),
        EpochReported(trial=1, segment=1, epoch=1, metrics={"mAP": 0.5}),
        SegmentEnded(segment=1, trial=1, outcome=OutcomeKind.COMPLETED),
        suggested(2),
        started(2, 2),
        lost(2, 2, final=True),
    )
    assert decide(Scripted(None), state, slots=1) == Finish(StudyStatus.COMPLETED, "1 of 2 trials failed")


def test_three_trials_failing_alike_at_once_end_the_study():
    events = []
    for trial in (1, 2, 3):
        events += [suggested(trial), started(trial, trial), lost(trial, trial, final=True, kind=FailureKind.DATA)]
    decision = decide(Scripted(NEW), state_after(*events), slots=1)
    assert isinstance(decision, Finish)
    assert decision.status is StudyStatus.FAILED
    assert "data" in decision.reason
    assert "gone" in decision.reason


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_retryable_failure_is_final_after_its_allowance(kind):
    state = state_after(suggested(1))
    trial = state.trials[1]
    failed = Failed(kind, "m", retryable=True)
    for _ in range(RETRIES[kind]):
        assert not is_final(trial, failed)
        trial.failures.append((kind, "m"))
    assert is_final(trial, failed)


def test_what_cannot_be_retried_is_final_at_once():
    assert is_final(state_after(suggested(1)).trials[1], Failed(FailureKind.LOST, "m", retryable=False))


def test_a_persons_retry_gives_a_fresh_allowance():
    state = state_after(
        suggested(1),
        started(1, 1),
        lost(1, 1, final=True, kind=FailureKind.DIVERGED),
        CommandGiven(command=CommandKind.TRIAL_RETRY, trial=1, by="x"),
    )
    assert not is_final(state.trials[1], Failed(FailureKind.LOST, "m", retryable=True))
    assert isinstance(decide(Scripted(None), state, slots=1), Start)
