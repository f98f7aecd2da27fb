"""The trials of a study in columns: what models ask of every trial, kept from question to question.

A trial's row is read again only when the trial changed. Reports are never changed, so its epoch, its target, its
state and the number of its reports tell.

With several objectives or constraints a score is that of one question: `read` weighs the objectives anew (ParEGO,
orchestrator/search/scalar.py), by weights that depend on the study's seed and on what is known and running.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from orchestrator.events import TrialState, TrialStatus
from orchestrator.search.scalar import scalarised, weights_of
from orchestrator.search.score import WORST, Aims, outcome_at, value_at
from search_spaces.model import Objective

__all__ = ["Bools", "Floats", "Ints", "TrialTable"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_CODES = {status: code for code, status in enumerate(TrialStatus)}
_FAILED, _STOPPED, _RESTING = (_CODES[s] for s in (TrialStatus.FAILED, TrialStatus.STOPPED, TrialStatus.RESTING))
_Mark: TypeAlias = tuple[int, int, TrialStatus, int]


class TrialTable:
    """Columns of N trials on `rungs` (L,), in the order in which `read` was last given them."""

    def __init__(self, rungs: Sequence[int], objectives: Sequence[Objective] | Aims) -> None:
        self._rungs = tuple(rungs)
        aims = Aims.over(objectives)
        self._objectives = aims.objectives
        self._outcomes = None if aims.plain else _Outcomes(aims, len(self._rungs) + 1)
        self._trials: list[TrialState] = []
        self._marks: list[_Mark] = []
        self._whole = np.empty((0, 5), dtype=np.int64)  # id, epoch, to_epoch, state, from_epoch
        self._scores = np.empty((0, len(self._rungs) + 1))  # on each rung, and at the last epoch

    def read(self, trials: Sequence[TrialState]) -> TrialTable:
        """Bring the columns up to date with `trials`."""
        self._resize(len(trials))
        self._trials += trials[len(self._trials) :]
        known, marks = self._trials, self._marks
        for row, trial in enumerate(trials):
            mark = (trial.epoch, trial.to_epoch, trial.status, len(trial.history))
            if marks[row] != mark or known[row] is not trial:
                known[row], marks[row] = trial, mark
                self._whole[row] = trial.id, trial.epoch, trial.to_epoch, _CODES[trial.status], trial.from_epoch
                places = (*self._rungs, trial.epoch)
                if self._outcomes is None:
                    self._scores[row] = [value_at(trial, epoch, self._objectives) for epoch in places]
                else:
                    self._outcomes.take(row, trial, places)
        if self._outcomes is not None and len(trials):
            numbers = (len(trials), int(self.epochs.sum()), int(self.targets.sum()))
            self._scores[: len(trials)] = self._outcomes.weighed(len(trials), numbers)
        return self

    def __len__(self) -> int:
        return len(self._trials)

    def trial(self, row: int) -> TrialState:
        """The trial of a row."""
        return self._trials[row]

    @property
    def ids(self) -> Ints:
        """Numbers (N,)."""
        return self._whole[: len(self), 0]

    @property
    def epochs(self) -> Ints:
        """Finished epochs (N,)."""
        return self._whole[: len(self), 1]

    @property
    def targets(self) -> Ints:
        """The epochs (N,) that they go to or rest on."""
        return self._whole[: len(self), 2]

    @property
    def failed(self) -> Bools:
        """Which have failed (N,)."""
        failed: Bools = self._whole[: len(self), 3] == _FAILED
        return failed

    @property
    def resting(self) -> Bools:
        """Which rest on a rung (N,)."""
        resting: Bools = self._whole[: len(self), 3] == _RESTING
        return resting

    @property
    def in_play(self) -> Bools:
        """Which have neither failed nor been stopped (N,)."""
        in_play: Bools = ~self.failed & (self._whole[: len(self), 3] != _STOPPED)
        return in_play

    @property
    def reached(self) -> Bools:
        """Which rungs each trial has reached itself (N, L): a fork's begin above the epoch that it went on from."""
        rungs = np.asarray(self._rungs, dtype=np.int64)[None, :]
        reached: Bools = (self.epochs[:, None] >= rungs) & (self._whole[: len(self), 4, None] < rungs)
        return reached

    @property
    def on_rungs(self) -> Floats:
        """Scores on the rungs (N, L); WORST where there is none."""
        return self._scores[: len(self), :-1]

    @property
    def last(self) -> Floats:
        """Scores (N,) at the last finished epoch; WORST where there is none."""
        return self._scores[: len(self), -1]

    def lifts(self) -> list[float]:
        """What a score on each rung usually gains up to the highest, by the median: a number a rung, 0 for the last."""
        medians: list[float] = []
        for level in range(len(self._rungs) - 1):
            both = self.reached[:, level + 1]  # rungs rise: who is on the upper one was on the lower
            before, after = self.on_rungs[both, level], self.on_rungs[both, level + 1]
            real = (before > WORST) & (after > WORST)
            if self._outcomes is not None:  # who begins or ceases to satisfy the constraints tells of no gain
                sound = self._outcomes.sound[: len(self)][both]
                real &= sound[:, level] == sound[:, level + 1]
            medians.append(float(np.median(after[real] - before[real])) if real.any() else 0.0)
        return [sum(medians[level:]) for level in range(len(self._rungs))]

    def forecast(self) -> tuple[Ints, Floats]:
        """Expected scores at the highest rung: rows (K,) that have one, and the scores (K,); WORST for the failed."""
        reached = self.reached
        rows = np.flatnonzero(reached.any(axis=1) | self.failed)
        highest = len(self._rungs) - 1 - reached[rows, ::-1].argmax(axis=1)
        top = np.where(reached[rows].any(axis=1), highest, 0)
        scores = self.on_rungs[rows, top] + np.asarray(self.lifts())[top]
        worst = self.failed[rows] | ((self.on_rungs[rows] == WORST) & reached[rows]).any(axis=1)
        return rows, np.where(worst, WORST, scores)

    def best_first(self, rows: Ints, scores: Floats) -> Ints:
        """Rows (K,) in the order of their scores (K,), the highest first; ties go to the older trial."""
        order: Ints = rows[np.lexsort((self.ids[rows], -scores))]
        return order

    def _resize(self, count: int) -> None:
        del self._trials[count:], self._marks[count:]
        missing = count - len(self._trials)
        if missing > 0:  # no trial has this mark, so that every new row is read
            self._marks.extend([(-1, -1, TrialStatus.WAITING, -1)] * missing)
        if count > len(self._whole):
            room = max(64, 2 * count)
            whole, scores = np.zeros((room, 5), dtype=np.int64), np.full((room, len(self._rungs) + 1), WORST)
            whole[: len(self._whole)], scores[: len(self._scores)] = self._whole, self._scores
            self._whole, self._scores = whole, scores
            if self._outcomes is not None:
                self._outcomes.resize(room)


class _Outcomes:
    """Every objective (N, P, M) of each trial at P places, and its violation of the constraints (N, P)."""

    def __init__(self, aims: Aims, places: int) -> None:
        self._aims = aims
        self._vectors = np.empty((0, places, len(aims.objectives)))
        self._violations = np.empty((0, places))

    @property
    def sound(self) -> Bools:
        """Which results satisfy the constraints (N, P)."""
        sound: Bools = self._violations == 0
        return sound

    def take(self, row: int, trial: TrialState, epochs: Sequence[int]) -> None:
        """Read a trial again."""
        for place, epoch in enumerate(epochs):
            vector, violation = outcome_at(trial, epoch, self._aims)
            self._vectors[row, place] = np.nan if vector is None else vector
            self._violations[row, place] = violation

    def weighed(self, count: int, numbers: Sequence[int]) -> Floats:
        """Scores (count, P) by weights drawn from the seed and `numbers`."""
        weights = weights_of(len(self._aims.objectives), self._aims.seed, *numbers)
        return scalarised(self._vectors[:count], self._violations[:count], weights)

    def resize(self, room: int) -> None:
        """Make room for more trials."""
        vectors = np.full((room, *self._vectors.shape[1:]), np.nan)
        violations = np.full((room, self._violations.shape[1]), np.inf)
        vectors[: len(self._vectors)], violations[: len(self._violations)] = self._vectors, self._violations
        self._vectors, self._violations = vectors, violations
