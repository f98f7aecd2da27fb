"""What the messages of a segment are in the log: pure functions of the message and of what is known."""

from __future__ import annotations

from orchestrator.backends.protocol import Ended, Reported
from orchestrator.control.retry import is_final, too_large
from orchestrator.events import (
    CheckpointSaved,
    EpochReported,
    Event,
    OutcomeKind,
    Running,
    SegmentEnded,
    StudyState,
    TrialState,
)
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import CheckpointRef, Completed, Failed, Infeasible, Paused

__all__ = ["checkpoint_event", "ended_event", "report_events"]


def checkpoint_event(saved: CheckpointRef, run: Running) -> CheckpointSaved:
    """A checkpoint is durable."""
    return CheckpointSaved(
        trial=run.trial, segment=run.segment, epoch=saved.epoch, path=saved.path, sha256=saved.sha256
    )


def report_events(message: Reported, run: Running, state: StudyState) -> list[Event]:
    """An epoch is finished; nothing for one that the log has already: it was run again after a crash."""
    if message.epoch in state.trials[run.trial].history:
        return []
    return [EpochReported(trial=run.trial, segment=run.segment, epoch=message.epoch, metrics=dict(message.metrics))]


def ended_event(message: Ended, trial: TrialState) -> SegmentEnded:
    """A segment of this trial is over, and whether the trial may go on after it."""
    kind, failure, text, final = _outcome(message, trial)
    return SegmentEnded(
        segment=message.segment,
        trial=trial.id,
        outcome=kind,
        failure=failure,
        message=text,
        final=final,
        seconds=message.seconds,
        worker=message.worker,
    )


def _outcome(message: Ended, trial: TrialState) -> tuple[OutcomeKind, FailureKind | None, str, bool]:
    match message.outcome:
        case Completed():
            return OutcomeKind.COMPLETED, None, "", False
        case Paused():
            return OutcomeKind.PAUSED, None, "", False
        case Infeasible(reason=reason):
            return OutcomeKind.INFEASIBLE, None, reason, True
        case Failed() as failed:
            final = is_final(trial, failed)
            if final and failed.kind is FailureKind.OUT_OF_MEMORY:
                return OutcomeKind.INFEASIBLE, failed.kind, too_large(trial, failed), True
            return OutcomeKind.FAILED, failed.kind, failed.message, final
