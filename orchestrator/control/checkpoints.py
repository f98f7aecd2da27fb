"""Which checkpoint a segment begins with, and which must stay because another trial may still need them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from orchestrator.events import Checkpoint, StudyState, TrialState, TrialStatus
from orchestrator.trial.files import keep_only
from reid_core.errors import Conflict

__all__ = ["beginning_of", "discard_others"]


def beginning_of(state: StudyState, trial: TrialState) -> Checkpoint | None:
    """The trial's newest checkpoint; a fork that has none of its own begins with its parent's of `from_epoch`.

    None: it begins anew. Raises Conflict when the log names no such checkpoint of the parent.
    """
    if trial.checkpoint is not None or trial.parent is None:
        return trial.checkpoint
    found = state.trials[trial.parent].rung_checkpoints.get(trial.from_epoch)
    if found is None:
        whose = f"trial {trial.id} goes on from trial {trial.parent} at epoch {trial.from_epoch}"
        raise Conflict(f"{whose}, and the log has no checkpoint of it")
    return found


def discard_others(state: StudyState, ended: TrialState, needed: Mapping[int, Collection[int]]) -> None:
    """Delete what nobody needs any more of the trial that ended a segment, and of every trial in `needed` at rest.

    There stay the newest checkpoint that the log names, and those of the epochs that `needed` names by trial. Files of
    a trial that is to go on are its own business.
    """
    for trial in {ended.id: ended, **{number: state.trials[number] for number in needed}}.values():
        if trial.checkpoint is None or trial.status in {TrialStatus.WAITING, TrialStatus.RUNNING}:
            continue
        epochs = needed.get(trial.id, ())
        also = [Path(one.path) for epoch, one in trial.rung_checkpoints.items() if epoch in epochs]
        keep_only(Path(trial.checkpoint.path), also)
