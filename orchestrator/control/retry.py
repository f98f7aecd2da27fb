"""What happens to a trial whose segment failed: run again, or count as worst."""

from __future__ import annotations

from orchestrator.events import TrialState
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed

__all__ = ["RETRIES", "is_final"]

RETRIES = {
    FailureKind.LOST: 5,
    FailureKind.TIMEOUT: 2,
    FailureKind.NODE: 5,
    FailureKind.DATA: 2,
    FailureKind.OUT_OF_MEMORY: 0,
    FailureKind.DIVERGED: 0,
    FailureKind.BUG: 0,
}
"""How often a trial may fail in this way and still run again from its last checkpoint. A lost process is nobody's
fault but may be the trial's (it can bring its process down), so it has a limit too."""


def is_final(trial: TrialState, failed: Failed) -> bool:
    """Whether this failure, not yet recorded in `trial`, ends it. Failures before a person's retry do not count."""
    before = sum(kind is failed.kind for kind, _ in trial.failures[trial.retry_from :])
    return not failed.retryable or before >= RETRIES[failed.kind]
