"""Which checkpoint a segment begins with, and which stay: by the study's policy, or because somebody needs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from orchestrator.control.removal import Removals
from orchestrator.events import Checkpoint, Keep, StudyState, TrialState, TrialStatus
from orchestrator.search import epochs_to_go_on_from
from orchestrator.trial.files import keep_only
from orchestrator.trial.protocol import Beginning, Best, CheckpointRef
from orchestrator.trial.vault import is_url
from reid_core.errors import Conflict
from search_spaces.model import Goal

__all__ = [
    "Retention",
    "beginning_of",
    "best_so_far",
    "discard_others",
    "epochs_to_keep",
    "instead_of",
    "kept",
    "named",
    "needed_epochs",
]

_UNDER_WAY = frozenset({TrialStatus.WAITING, TrialStatus.RUNNING})


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


def instead_of(state: StudyState, trial: TrialState) -> tuple[Beginning, ...]:
    """What the trial goes on from where its newest checkpoint is torn or gone: older ones, then how it began."""
    newest = trial.checkpoint
    if newest is None:
        return ()
    older = {one.epoch: one for one in (*trial.rung_checkpoints.values(), trial.best_checkpoint, trial.before) if one}
    own = [Beginning(_ref(older[epoch])) for epoch in sorted(older, reverse=True) if epoch < newest.epoch]
    if trial.parent is None:
        return (*own, Beginning(None))
    parents = state.trials[trial.parent].rung_checkpoints.get(trial.from_epoch)
    return (*own, *([] if parents is None else [Beginning(_ref(parents), forked=True)]))


def needed_epochs(state: StudyState) -> Mapping[int, Collection[int]]:
    """By trial the epochs whose checkpoints stay whatever the policy is, because others go on from them."""
    return epochs_to_go_on_from(state)


def _ref(one: Checkpoint) -> CheckpointRef:
    return CheckpointRef(one.path, one.epoch, one.sha256)


def epochs_to_keep(state: StudyState, trial: TrialState, to_epoch: int, needed: Collection[int]) -> tuple[int, ...]:
    """The epochs up to `to_epoch` whose checkpoints a segment is not to delete or pass over."""
    if state.keep is Keep.ALL or trial.pinned:
        return tuple(range(1, to_epoch + 1))
    rungs = state.created.plan.rungs if state.created is not None and state.keep is Keep.BEST else ()
    return tuple(sorted({*needed, *(rung for rung in rungs if rung <= to_epoch)}))


def best_so_far(state: StudyState, trial: TrialState) -> Best | None:
    """What an epoch has to be better than for its checkpoint to stay as the best; None where the policy keeps none."""
    if state.created is None or state.keep is not Keep.BEST:
        return None
    objective, best = state.created.space.objective[0], trial.best_checkpoint
    value = None if best is None else trial.at(best.epoch, objective.metric)
    return Best(objective.metric, objective.goal is Goal.MAXIMIZE, value)


def named(trial: TrialState) -> dict[str, Checkpoint]:
    """The checkpoints that the trial's state tells of, by path."""
    told = (trial.checkpoint, trial.before, trial.best_checkpoint, *trial.rung_checkpoints.values())
    return {one.path: one for one in told if one is not None}


def kept(trial: TrialState, keep: Keep, needed: Collection[int] = ()) -> frozenset[str] | None:
    """Paths of the checkpoints that stay under a policy; None: all of them.

    Those at epochs in `needed` stay: others go on from them. Until a trial is at rest, so does the one before the
    newest, for the case that the newest is torn.
    """
    if keep is Keep.ALL or trial.pinned:
        return None
    stay = [trial.checkpoint, *(one for epoch, one in trial.rung_checkpoints.items() if epoch in needed)]
    if keep is Keep.BEST:
        stay += [trial.best_checkpoint, *trial.rung_checkpoints.values()]
    if trial.status in _UNDER_WAY:
        stay.append(trial.before)
    return frozenset(one.path for one in stay if one is not None)


def discard_others(state: StudyState, ended: TrialState, needed: Mapping[int, Collection[int]]) -> None:
    """Delete the files that the policy lets go of the trial that ended a segment, and of those in `needed` at rest.

    Files of a trial that is to go on are its own business. What cannot be deleted stays: `checkpoints prune` finds it.
    """
    for trial in {ended.id: ended, **{number: state.trials[number] for number in needed}}.values():
        newest = trial.checkpoint
        if newest is None or trial.status in _UNDER_WAY or is_url(newest.path):
            continue
        stay = kept(trial, state.keep, needed.get(trial.id, ()))
        if stay is not None:
            with suppress(OSError):
                keep_only(Path(newest.path), [Path(path) for path in stay])


class Retention:
    """What a study's policy lets go of the checkpoints that are kept under a URL is removed beside the study's work."""

    def __init__(self) -> None:
        self._known: dict[int, set[str]] = {}
        self._removed: set[str] = set()
        self._removals: Removals | None = None

    def look(self, state: StudyState, trial: TrialState, needed: Mapping[int, Collection[int]]) -> None:
        """Let go of what the newest events of the trial, and of those in `needed`, have made superfluous.

        Only what a log told of is removed, and once.
        """
        if state.created is None or not state.created.checkpoints:
            return
        for one in {trial.id: trial, **{number: state.trials[number] for number in needed}}.values():
            self._let_go(one, kept(one, state.keep, needed.get(one.id, ())))

    def _let_go(self, trial: TrialState, stay: frozenset[str] | None) -> None:
        known = self._known.setdefault(trial.id, set())
        known.update(path for path in named(trial) if is_url(path))
        if stay is None:
            return
        self._removed -= stay  # an epoch that was trained again is there again
        gone = known - stay - self._removed
        if gone:
            self._removed |= gone
            self._removals = self._removals or Removals()
            self._removals.remove(sorted(gone))

    def close(self) -> None:
        """Finish what is under way, for some seconds at most."""
        if self._removals is not None:
            self._removals.close()
