"""What happens to a trial whose segment failed: run again, or count as worst."""

from __future__ import annotations

from orchestrator.events import TrialState
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed

__all__ = ["RETRIES", "is_final", "micro_batches", "too_large"]

RETRIES = {
    FailureKind.LOST: 5,
    FailureKind.TIMEOUT: 2,
    FailureKind.NODE: 5,
    FailureKind.DATA: 2,
    FailureKind.OUT_OF_MEMORY: 3,
    FailureKind.DIVERGED: 0,
    FailureKind.BUG: 0,
}
"""How often a trial may fail in this way and still run again from its last checkpoint. A lost process is nobody's
fault but may be the trial's (it can bring its process down), so it has a limit too. Each time that memory runs out
the batches are computed in twice as many parts: 1, 2, 4, 8."""


def is_final(trial: TrialState, failed: Failed) -> bool:
    """Whether this failure, not yet recorded in `trial`, ends it. Failures before a person's retry do not count."""
    before = sum(kind is failed.kind for kind, _ in trial.failures[trial.retry_from :])
    return not failed.retryable or before >= RETRIES[failed.kind]


def micro_batches(trial: TrialState) -> int:
    """In how many times more parts than its configuration says the trial's batches are computed: 1, 2, 4 or 8."""
    short = sum(kind is FailureKind.OUT_OF_MEMORY for kind, _ in trial.failures[trial.retry_from :])
    return int(2 ** min(short, RETRIES[FailureKind.OUT_OF_MEMORY]))


def too_large(trial: TrialState, failed: Failed) -> str:
    """Why a trial that ran out of memory for good, by this failure not yet recorded in it, cannot be trained here."""
    parts = micro_batches(trial)
    tried = f"even in {parts} micro-batches" if parts > 1 else "and is not to be tried again"
    return f"it does not fit into memory, {tried}: {failed.message}"
