"""A study as it is once its controller has heard what waits in its inbox: what is asked next builds on that."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

from orchestrator.events import Logged, StudyState
from orchestrator.store import PendingCommand

__all__ = ["overlaid"]


def overlaid(state: StudyState, pending: Sequence[PendingCommand]) -> StudyState:
    """`state` with the commands `pending` heard; the state itself stays as it is."""
    if not pending:
        return state
    heard = copy(state)
    heard.trials = {number: copy(trial) for number, trial in state.trials.items()}  # a command changes only these
    for one in pending:
        heard.apply(Logged(heard.seq + 1, one.at, one.command))
    return heard
