"""`pbt`: a population trains side by side, and weak members go on from strong ones (Jaderberg et al. 2017).

All members climb an even grid of rungs. One that rests on a rung is compared with all that have reported it: when half
of the population has, and it is in the bottom quarter, its place is taken by a fork, a new trial that goes on from the
checkpoint of one drawn from the top quarter, with perturbed values (exploit by truncation, and explore, of the paper's
section 3). A failed member counts as worst and is replaced too. Whoever is furthest behind is asked first, the best of
its rung before the others, so that late results still count; no slot waits while a member can go on.

Each place costs one full run, forks included: a fork pays for the epochs above its rung alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState, TrialState, TrialStatus
from orchestrator.search.cube import Cube, Proposal
from orchestrator.search.moves import Advance, Move, NewTrial
from orchestrator.search.perturbation import Perturbation
from orchestrator.search.score import WORST, Aims, in_play, ranked, show_at, value_at

__all__ = ["PBT", "PopulationBasedTraining", "epochs_to_go_on_from"]

PBT = "pbt"
"""The algorithm's name: the only one whose trials go on from others' checkpoints."""

_QUARTER = 4
_LEAST = 4  # fewer have no quarter
_UNIFORM = 3  # every third founder is drawn uniformly, the others around the recipe


def epochs_to_go_on_from(state: StudyState) -> Mapping[int, frozenset[int]]:
    """By trial, the epochs whose checkpoints others may still go on from; empty in a study without forks.

    A rung is open until every place of the population has gone beyond it. A fork needs its parent's checkpoint until it
    has one of its own.
    """
    created = state.created
    if created is None or created.algorithm != PBT:
        return {}
    rungs, members = created.plan.rungs, _members(state)
    replaced = _replaced(members)
    lowest = min(
        (one.to_epoch for one in members if one.id not in replaced and one.status is not TrialStatus.COMPLETED),
        default=rungs[-1],
    )
    if _founders(members) < created.plan.trials:
        lowest = rungs[0]
    needed = {one.id: {rung for rung in one.rung_checkpoints if lowest <= rung < rungs[-1]} for one in members}
    for one in members:
        if one.parent is not None and one.checkpoint is None:
            needed.setdefault(one.parent, set()).add(one.from_epoch)
    return {number: frozenset(epochs) for number, epochs in needed.items()}


@dataclass(frozen=True, slots=True)
class _Rung:
    """Who reported a rung or failed on the way to it, the best first; the failed come last."""

    epoch: int
    ranked: tuple[TrialState, ...]
    quarter: int

    def place(self, trial: TrialState) -> int:
        """Its place, counted from 1."""
        return next(place for place, one in enumerate(self.ranked, start=1) if one.id == trial.id)

    def weak(self, trial: TrialState) -> bool:
        """Whether it is in the bottom quarter."""
        return self.place(trial) > len(self.ranked) - self.quarter


class PopulationBasedTraining:
    """Copies the weights and values of strong members to the places of weak ones."""

    def __init__(self, created: StudyCreated) -> None:
        self._plan = created.plan
        self._aims = Aims.of(created)
        self._seed = created.seed
        self._cube = Cube.of(created)
        self._opening = self._cube.opening
        self._perturbation = Perturbation(self._cube.encoder)
        self._enough = max(_LEAST, -(-created.plan.trials // 2))

    def next(self, state: StudyState) -> Move | None:
        """The next founder, or what becomes of the first member, from the furthest behind, that can go on."""
        members = _members(state)
        count = _founders(members)
        if count < self._plan.trials:
            proposal = self._founder(count - state.from_wanted, members)
            return NewTrial(proposal.values, proposal.origin, proposal.reason, 0, self._plan.rungs[0])
        replaced = _replaced(members)
        undecided = [one for one in members if one.id not in replaced and self._is_undecided(one)]
        for epoch in sorted({one.to_epoch for one in undecided}):
            rung = self._rung(epoch, members)
            here = {one.id for one in undecided if one.to_epoch == epoch}
            for trial in (one for one in rung.ranked if one.id in here):
                move = self._verdict(trial, rung, members)
                if move is not None:
                    return move
        return None

    def _founder(self, count: int, members: list[TrialState]) -> Proposal:
        """A first member: the opening, then the recipe with some values drawn anew, every third one uniform."""
        if count < len(self._opening):
            return self._opening[count]
        rng = np.random.default_rng([self._seed % 2**63, count])
        seen = [one.values for one in members]
        near = None if count % _UNIFORM == 0 else self._cube.around_prior(count, rng, seen)
        who = f"member {count + 1} of {self._plan.trials}"
        if near is not None:
            return Proposal(near, Origin.PRIOR, f"the recipe with some values drawn anew: {who}")
        return Proposal(self._cube.random(rng, seen), Origin.RANDOM, f"drawn uniformly: {who}")

    def _is_undecided(self, trial: TrialState) -> bool:
        """Whether it stands, or failed, below the last rung."""
        return trial.status in {TrialStatus.RESTING, TrialStatus.FAILED} and trial.to_epoch < self._plan.max_epochs

    def _rung(self, epoch: int, members: list[TrialState]) -> _Rung:
        here = [
            one
            for one in members
            if one.status is not TrialStatus.STOPPED
            and (epoch in one.history or (one.status is TrialStatus.FAILED and one.to_epoch == epoch))
        ]
        sound = ranked([one for one in here if not self._is_broken(one, epoch)], epoch, self._aims)
        broken = [one for one in here if self._is_broken(one, epoch)]
        quarter = len(here) // _QUARTER if len(here) >= self._enough else 0
        return _Rung(epoch, (*sound, *broken), quarter)

    def _is_broken(self, trial: TrialState, epoch: int) -> bool:
        """Whether it failed on its way to the rung or came there without a value: it cannot go on from here."""
        failed = trial.status is TrialStatus.FAILED and trial.to_epoch == epoch
        return failed or value_at(trial, epoch, self._aims) == WORST

    def _verdict(self, trial: TrialState, rung: _Rung, members: list[TrialState]) -> Move | None:
        """A fork in its place, its way to the next rung, or None: it is broken and nobody can take its place yet."""
        broken = self._is_broken(trial, rung.epoch)
        if rung.quarter and (broken or rung.weak(trial)):
            fork = self._fork(trial, rung, members)
            if fork is not None:
                return fork
        if broken:
            return None
        reason = f"goes on with {self._place(trial, rung)}"
        return Advance(trial.id, self._above(rung.epoch), reason)

    def _fork(self, loser: TrialState, rung: _Rung, members: list[TrialState]) -> NewTrial | None:
        """A new trial from one of the top quarter; None when nobody there can be gone on from, or in no new way."""
        strong = [one for one in rung.ranked[: rung.quarter] if one.id != loser.id and self._may_be_parent(one, rung)]
        if not strong:
            return None
        rng = np.random.default_rng([self._seed % 2**63, rung.epoch, loser.id])
        parent = strong[int(rng.integers(len(strong)))]
        known = [one.values for one in members if one.parent == parent.id and one.from_epoch == rung.epoch]
        values = next((one for one in self._perturbation.draws(parent.values, rng) if one not in known), None)
        if values is None:
            return None
        what = f"goes on from trial {parent.id} ({self._place(parent, rung)})"
        own = "failed" if self._is_broken(loser, rung.epoch) else show_at(loser, rung.epoch, self._aims)
        instead = f"in the place of trial {loser.id} ({own})"
        return NewTrial(
            values,
            Origin.FORK,
            f"{what} with {self._perturbation.told(parent.values, values)}, {instead}",
            0,
            self._above(rung.epoch),
            seed=parent.seed,
            parent=parent.id,
            from_epoch=rung.epoch,
            replaces=loser.id,
        )

    def _may_be_parent(self, trial: TrialState, rung: _Rung) -> bool:
        sound = in_play(trial) and not self._is_broken(trial, rung.epoch)
        return sound and rung.epoch in trial.rung_checkpoints

    def _place(self, trial: TrialState, rung: _Rung) -> str:
        value = show_at(trial, rung.epoch, self._aims)
        return f"{value}, number {rung.place(trial)} of {len(rung.ranked)} at epoch {rung.epoch}"

    def _above(self, epoch: int) -> int:
        return next(rung for rung in self._plan.rungs if rung > epoch)


def _members(state: StudyState) -> list[TrialState]:
    """All trials of the population by number: founders and forks; those that repeat another's values are none."""
    return [one for _, one in sorted(state.trials.items()) if one.confirms is None]


def _founders(members: list[TrialState]) -> int:
    return sum(one.parent is None for one in members)


def _replaced(members: list[TrialState]) -> frozenset[int]:
    """Those whose place a fork has taken: they do not go on."""
    return frozenset(one.replaces for one in members if one.replaces is not None)
