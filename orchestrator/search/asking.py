"""What people want while a study runs: a configuration tried soon, a resting trial on its next rung now.

The wrapper works with any algorithm. An enqueued configuration takes the place of the next new trial that the
algorithm opens; the plan has one for it (orchestrator/events/commands.py makes one where it has not). The algorithm's
own opening is not cut short: it counts its trials without those that were asked for.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.events import Origin, StudyCreated, StudyState, TrialStatus
from orchestrator.search.freeze_thaw import FREEZE_THAW
from orchestrator.search.limits import rung_above
from orchestrator.search.moves import Advance, Algorithm, Move, NewTrial

__all__ = ["Asking", "promotion_asked"]


class Asking:
    """An algorithm that tries what people enqueue before it tries more of its own."""

    def __init__(self, inner: Algorithm, created: StudyCreated) -> None:
        self._inner, self._created = inner, created

    def next(self, state: StudyState) -> Move | None:
        """The algorithm's move, with the first wanted configuration in place of a new one of its own."""
        if not state.wanted:
            return self._inner.next(state)
        if self._created.algorithm == FREEZE_THAW and state.trials:
            return self._wanted(state)  # it opens new trials when its model says so: that may be late, or never
        move = self._inner.next(state)
        if not isinstance(move, NewTrial) or move.parent is not None or move.origin is Origin.DEFAULT:
            return move
        wanted = self._wanted(state)
        return replace(wanted, bracket=move.bracket, to_epoch=move.to_epoch)

    def _wanted(self, state: StudyState) -> NewTrial:
        first = state.wanted[0]
        who = f" by {first.by}" if first.by else ""
        reason = f"enqueued{who}{': ' + first.reason if first.reason else ''}"
        return NewTrial(first.values, Origin.USER, reason, 0, self._created.plan.rungs[0])


def promotion_asked(state: StudyState) -> Advance | None:
    """The oldest resting trial that a person wants on its next rung."""
    asked = [trial for trial in state.trials.values() if trial.promoted and trial.status is TrialStatus.RESTING]
    for trial in sorted(asked, key=lambda one: one.id):
        above = rung_above(state, trial)
        if above is not None:
            return Advance(trial.id, above, f"promoted by {trial.promoted}")
    return None
