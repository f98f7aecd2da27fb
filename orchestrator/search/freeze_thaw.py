"""`freeze-thaw`: one model over configuration and epoch says who goes on (Swersky, Snoek & Adams 2014).

After a few opening trials, every resting trial and many new configurations compete for each free slot: the
one with the highest expected improvement at the full number of epochs advances by one rung (as in DyHPO,
Wistuba, Kadra & Grabocka 2022). Of every eta + 1 trials that reach a rung at least one goes on, whatever the
model says. The plan gives the rungs, the number of trials and the epochs; its brackets
are not used. What the epochs that are left cannot bring to the end waits while they can bring something there.
Running trials count at the value that is expected of them, failed ones as worst, and stopped
ones keep what they reported but do not go on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState, TrialState
from orchestrator.search.candidates import candidates
from orchestrator.search.cube import Cube, Proposal
from orchestrator.search.models.earlier import Earlier
from orchestrator.search.models.gp import Floats
from orchestrator.search.models.surrogate import Belief, Surrogate
from orchestrator.search.moves import Advance, Move, NewTrial
from orchestrator.search.score import WORST, Aims, ranked, show_at, value_at
from orchestrator.search.table import TrialTable
from reid_core.config import Values

__all__ = ["FREEZE_THAW", "FreezeThaw"]

FREEZE_THAW = "freeze-thaw"
"""The algorithm's name."""

_STARTS = 6
_CANDIDATES = 256
_DUE = 3
_COST_POWER = 0.5  # 0: cost plays no part; 1: gain for each epoch that is left to the full run
_MOST_RESTING = 100  # of each rung


@dataclass(frozen=True, slots=True)
class _Purse:
    """What is left to spend, and how far the furthest trial is or will be when its segment ends."""

    trials: int
    epochs: int
    furthest: int


class FreezeThaw:
    """Advances whatever promises most at the end."""

    def __init__(self, created: StudyCreated) -> None:
        self._plan = created.plan
        self._trials, self._epochs = created.plan.trials, created.plan.epochs
        self._aims = Aims.of(created)
        self._seed = created.seed
        self._cube = Cube.of(created)
        self._opening = self._cube.opening
        self._surrogate = Surrogate(self._cube, created.plan, Earlier.of(created.earlier, self._cube, self._aims))
        self._table = TrialTable(created.plan.rungs, self._aims)
        self._starts = 0 if created.earlier else max(1, min(_STARTS, created.plan.trials // 2))

    def next(self, state: StudyState) -> Move | None:
        """The most promising move that the plan still pays for."""
        trials = [state.trials[number] for number in sorted(state.trials)]
        table = self._table.read(trials)
        purse = self._purse(table)
        may_open = purse.trials > 0 and self._affordable(purse, 0)
        resting = self._resting(table, purse)
        ends = [trial for trial in resting if purse.epochs >= self._plan.max_epochs - trial.epoch]
        if ends:  # the last epochs go to what can still become the winner at full length
            resting, may_open = ends, may_open and purse.epochs >= self._plan.max_epochs
        if not may_open and not resting:
            return None
        rng = np.random.default_rng([self._seed % 2**63, len(trials), int(table.epochs.sum())])
        seen = [trial.values for trial in trials]
        begun = len(trials) - state.from_wanted
        if may_open and (len(trials) < self._starts or begun < len(self._opening)):
            return self._open(self._start(begun, rng, seen, f"one of the first {self._starts}"))
        return self._most_promising(table, resting, may_open=may_open, rng=rng, seen=seen)

    def _start(self, count: int, rng: np.random.Generator, seen: list[Values], why: str) -> Proposal:
        if count < len(self._opening):
            return self._opening[count]
        near = self._cube.around_prior(count, rng, seen)
        if near is not None:
            return Proposal(near, Origin.PRIOR, f"the recipe with some values drawn anew: {why}")
        return Proposal(self._cube.random(rng, seen), Origin.RANDOM, f"drawn uniformly: {why}")

    def _most_promising(
        self,
        table: TrialTable,
        resting: list[TrialState],
        *,
        may_open: bool,
        rng: np.random.Generator,
        seen: list[Values],
    ) -> Move | None:
        running = np.flatnonzero(table.in_play & (table.epochs < table.targets))
        belief = self._surrogate.belief(table, [table.trial(int(row)) for row in running])
        if belief is None:
            return self._without_belief(resting, may_open=may_open, rng=rng, seen=seen)
        due = self._due(table, resting)
        pool = due or resting
        gains = self._gains(belief, pool) if pool else None
        fresh = self._fresh(table, belief, rng, seen) if may_open and not due else None
        if gains is not None and (fresh is None or gains.max() >= fresh[1]):
            chosen = pool[int(gains.argmax())]
            why = f"expected improvement {gains.max():.3f} is the highest"
            return self._advance(chosen, f"{why} of the best {len(due)} on its rung, which was due," if due else why)
        if fresh is None:
            reason = "drawn uniformly: the model found nothing new"
            return self._open(Proposal(self._cube.random(rng, seen), Origin.RANDOM, reason))
        return self._open(fresh[0])

    def _gains(self, belief: Belief, trials: list[TrialState]) -> Floats:
        """Expected improvement at the end (N,), worth more for trials that have come far: the rest of them is cheap."""
        gains = belief.improvement(self._surrogate.at_the_end(self._cube.points(trials)))
        left = 1.0 - np.array([trial.epoch for trial in trials]) / self._plan.max_epochs
        weighed: Floats = gains / left**_COST_POWER
        return weighed

    def _due(self, table: TrialTable, resting: list[TrialState]) -> list[TrialState]:
        """The best on the highest rung from which too few have gone on; empty when no rung is due.

        Expected improvement alone may circle around its favourite on the lowest rung for ever.
        """
        rungs = self._plan.rungs
        for level in range(len(rungs) - 2, -1, -1):
            done = int((table.epochs >= rungs[level]).sum())
            gone_on = int((table.targets > rungs[level]).sum())
            if gone_on < done // (self._plan.eta + 1):
                here = [trial for trial in resting if trial.epoch == rungs[level]]
                if here:
                    return ranked(here, rungs[level], self._aims)[:_DUE]
        return []

    def _without_belief(
        self, resting: list[TrialState], *, may_open: bool, rng: np.random.Generator, seen: list[Values]
    ) -> Move | None:
        """Too few results for a model: a new trial, or else the best of those that rest."""
        if may_open:
            return self._open(self._start(len(seen), rng, seen, "too few results for the model"))
        best = max(resting, key=lambda trial: (value_at(trial, trial.epoch, self._aims), -trial.id))
        return self._advance(best, "the best of those that rest")

    def _fresh(
        self, table: TrialTable, belief: Belief, rng: np.random.Generator, seen: list[Values]
    ) -> tuple[Proposal, float] | None:
        """The most promising new configuration and its expected improvement; half are drawn near the best."""
        points = candidates(self._cube, table, rng, _CANDIDATES)
        if all(self._cube.realise(point) is None for point in points):  # a tight constraint
            points = self._cube.encoder.encode_many(self._cube.walked(rng, seen, _CANDIDATES))
        gains = belief.improvement(self._surrogate.at_the_end(points))
        for index in np.argsort(-gains, kind="stable"):
            values = self._cube.realise(points[index])
            if values is not None and values not in seen:
                where = "near the best" if index >= _CANDIDATES else "anywhere"
                best = f"expected improvement {gains[index]:.3f} is the highest of {len(points)} new configurations"
                reason = f"{best}, found {where}, after {belief.results} results"
                return Proposal(values, Origin.MODEL, reason), float(gains[index])
        return None

    def _resting(self, table: TrialTable, purse: _Purse) -> list[TrialState]:
        """Those that may go on; the best of each rung where there are too many to ask about."""
        able = table.resting & (table.epochs < self._plan.max_epochs) & (table.last > WORST)
        chosen: list[int] = []
        for epoch in np.unique(table.epochs[able]):
            if self._affordable(purse, int(epoch)):
                here = np.flatnonzero(able & (table.epochs == epoch))
                chosen += table.best_first(here, table.last[here])[:_MOST_RESTING].tolist()
        return [table.trial(row) for row in sorted(chosen)]

    def _open(self, proposal: Proposal) -> NewTrial:
        return NewTrial(proposal.values, proposal.origin, proposal.reason, 0, self._plan.rungs[0])

    def _advance(self, trial: TrialState, why: str) -> Advance:
        value = show_at(trial, trial.epoch, self._aims)
        reason = f"promoted: {why} at epoch {self._plan.max_epochs} ({value} at epoch {trial.epoch})"
        return Advance(trial.id, self._above(trial.epoch), reason)

    def _above(self, epoch: int) -> int:
        return next(rung for rung in self._plan.rungs if rung > epoch)

    def _purse(self, table: TrialTable) -> _Purse:
        """A trial has cost or will have cost what it goes to, or what it reached before it left."""
        reached = np.where(table.in_play, np.maximum(table.epochs, table.targets), table.epochs)
        furthest = int(reached[table.in_play].max(initial=0))
        return _Purse(self._trials - len(table), self._epochs - int(reached.sum()), furthest)

    def _affordable(self, purse: _Purse, epoch: int) -> bool:
        """Whether the plan pays for a move up from `epoch`, and then still for one full run if none was begun."""
        target = self._above(epoch)
        return purse.epochs - (target - epoch) >= self._plan.max_epochs - max(target, purse.furthest)
