from __future__ import annotations

import pytest

from orchestrator.events import (
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyState,
    StudyStatus,
    TrialStatus,
    TrialSuggested,
    fold,
)
from orchestrator.search import make_plan
from orchestrator.trial.kinds import FailureKind
from search_spaces.model import Float, Space

CREATED = StudyCreated(
    study="id",
    name="n",
    space=Space(name="s", parameters={"LR": Float(low=0, high=1)}),
    base={},
    plan=make_plan(9, 1, 3, 12),
    seed=0,
    algorithm="random",
    backend="inline",
    workers=2,
)
SUGGESTED = TrialSuggested(trial=0, values={"LR": 0.5}, origin=Origin.RANDOM, reason="r", bracket=0, to_epoch=3)
STARTED = SegmentStarted(segment=1, trial=0, from_epoch=0, to_epoch=3, reason="first")


def _epochs(*epochs: int, segment: int = 1) -> list[Event]:
    return [EpochReported(trial=0, segment=segment, epoch=e, metrics={"mAP": e / 10}) for e in epochs]


def _ended(outcome: OutcomeKind = OutcomeKind.COMPLETED, *, segment: int = 1, final: bool = False) -> SegmentEnded:
    failed = outcome is OutcomeKind.FAILED
    return SegmentEnded(
        segment=segment,
        trial=0,
        outcome=outcome,
        failure=FailureKind.LOST if failed else None,
        message="gone" if failed else "",
        final=final,
        seconds=2.0,
    )


def _command(command: CommandKind, trial: int | None = None) -> CommandGiven:
    return CommandGiven(command=command, trial=trial, by="me")


def _folded(*events: Event) -> StudyState:
    log = [Logged(seq, 100.0 + seq, event) for seq, event in enumerate((CREATED, *events), start=1)]
    return fold(log)


def test_a_trial_waits_runs_and_rests() -> None:
    running = [SUGGESTED, STARTED, *_epochs(1, 2, 3)]

    assert _folded(SUGGESTED).trials[0].status is TrialStatus.WAITING
    assert _folded(*running).trials[0].status is TrialStatus.RUNNING
    rested = _folded(*running, _ended())
    assert rested.trials[0].status is TrialStatus.RESTING
    assert rested.trials[0].metrics == {"mAP": 0.3}
    assert rested.trials[0].advance_reason == "first"
    assert (rested.epochs_spent, rested.busy_seconds, rested.running) == (3, 2.0, {})


def test_a_trial_at_the_last_rung_is_completed() -> None:
    start = SegmentStarted(segment=1, trial=0, from_epoch=0, to_epoch=9)

    assert _folded(SUGGESTED, start, *_epochs(*range(1, 10)), _ended()).trials[0].status is TrialStatus.COMPLETED


def test_an_epoch_counts_once_however_often_it_is_reported() -> None:
    again = EpochReported(trial=0, segment=2, epoch=2, metrics={"mAP": 0.99})
    state = _folded(SUGGESTED, STARTED, *_epochs(1, 2), again)

    assert state.epochs_spent == 2
    assert state.trials[0].at(2, "mAP") == 0.2


def test_a_retryable_failure_waits_and_a_final_one_ends_the_trial() -> None:
    before = [SUGGESTED, STARTED, *_epochs(1)]

    waiting = _folded(*before, _ended(OutcomeKind.FAILED))
    failed = _folded(*before, _ended(OutcomeKind.FAILED, final=True))

    assert waiting.trials[0].status is TrialStatus.WAITING
    assert failed.trials[0].status is TrialStatus.FAILED
    assert failed.trials[0].failures == [(FailureKind.LOST, "gone")]


def test_a_paused_segment_leaves_the_trial_waiting_with_its_target() -> None:
    state = _folded(SUGGESTED, STARTED, *_epochs(1), _ended(OutcomeKind.PAUSED))

    assert (state.trials[0].status, state.trials[0].to_epoch) == (TrialStatus.WAITING, 3)


def test_a_new_controller_makes_running_trials_wait() -> None:
    state = _folded(SUGGESTED, STARTED, *_epochs(1), ControllerStarted(owner="b", token=2, workers=1))

    assert state.trials[0].status is TrialStatus.WAITING
    assert state.running == {}
    assert (state.status, state.token, state.workers) == (StudyStatus.RUNNING, 2, 1)


def test_a_stopped_trial_stays_stopped_when_its_segment_ends() -> None:
    state = _folded(SUGGESTED, STARTED, *_epochs(1), _command(CommandKind.TRIAL_STOP, 0), _ended(OutcomeKind.PAUSED))

    assert state.trials[0].status is TrialStatus.STOPPED
    assert state.running == {}


def test_a_stopped_trial_stays_stopped_under_a_new_controller() -> None:
    """The crash came between the person's stop and the end of the segment."""
    takeover = ControllerStarted(owner="b", token=2, workers=1)
    state = _folded(SUGGESTED, STARTED, *_epochs(1), _command(CommandKind.TRIAL_STOP, 0), takeover)

    assert state.trials[0].status is TrialStatus.STOPPED


def test_a_finished_trial_cannot_be_stopped() -> None:
    start = SegmentStarted(segment=1, trial=0, from_epoch=0, to_epoch=9)
    done = [SUGGESTED, start, *_epochs(*range(1, 10)), _ended()]

    assert _folded(*done, _command(CommandKind.TRIAL_STOP, 0)).trials[0].status is TrialStatus.COMPLETED


def test_a_retry_takes_a_failed_trial_up_again() -> None:
    failed = [SUGGESTED, STARTED, _ended(OutcomeKind.FAILED, final=True)]
    state = _folded(*failed, _command(CommandKind.TRIAL_RETRY, 0))

    assert state.trials[0].status is TrialStatus.WAITING
    assert state.trials[0].retry_from == 1, "old failures no longer count against it"


def test_the_newest_checkpoint_counts() -> None:
    saved = [CheckpointSaved(trial=0, segment=1, epoch=e, path=f"p{e}", sha256="x") for e in (1, 2)]
    checkpoint = _folded(SUGGESTED, STARTED, *saved).trials[0].checkpoint

    assert checkpoint is not None
    assert (checkpoint.epoch, checkpoint.path) == (2, "p2")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (CommandKind.PAUSE, StudyStatus.PAUSED),
        (CommandKind.RESUME, StudyStatus.RUNNING),
        (CommandKind.STOP, StudyStatus.STOPPED),
    ],
)
def test_commands_change_the_study(command: CommandKind, status: StudyStatus) -> None:
    assert _folded(_command(command)).status is status


def test_the_end_is_kept_with_its_time() -> None:
    state = _folded(StudyEnded(status=StudyStatus.COMPLETED, reason="all trials done"))

    assert (state.status, state.reason, state.ended_at) == (StudyStatus.COMPLETED, "all trials done", 102.0)


def test_a_gap_in_the_log_is_refused() -> None:
    with pytest.raises(ValueError, match="event 3 does not follow event 1"):
        fold([Logged(1, 0.0, CREATED), Logged(3, 0.0, SUGGESTED)])


def test_folding_in_two_parts_equals_folding_at_once() -> None:
    events = [SUGGESTED, STARTED, *_epochs(1, 2, 3), _ended(), _command(CommandKind.PAUSE)]
    log = [Logged(seq, float(seq), event) for seq, event in enumerate((CREATED, *events), start=1)]

    assert fold(log[4:], fold(log[:4])) == fold(log)
