"""A study's results for one objective, taken out of its state at one moment."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.events import StudyCreated, StudyState, TrialState
from orchestrator.search.cube import Cube
from orchestrator.search.models.earlier import Earlier
from orchestrator.search.models.gp import Floats
from orchestrator.search.models.surrogate import Belief, Surrogate
from orchestrator.search.score import WORST, Aims
from orchestrator.search.table import Ints, TrialTable
from orchestrator.service.analysis.scale import Scale
from reid_core.errors import UsageError
from search_spaces.model import Goal, Objective

__all__ = ["Evidence"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of every trial; scores are higher for better ones whatever the objective's direction.

    `rows` (K,) have an expected score (K,) at the full number of epochs by their last rung, WORST for failed ones.
    Forks are left out, `forks` of them: what they reach is in part the work of their ancestors' values.
    """

    created: StudyCreated
    objective: Objective
    revision: int
    cube: Cube
    surrogate: Surrogate
    table: TrialTable
    rows: Ints
    expected: Floats
    forks: int = 0

    @classmethod
    def of(cls, state: StudyState, objective: int = 0) -> Evidence:
        """The results of a state, as they are now: later events do not change them. Raises UsageError."""
        created = state.created
        if created is None:
            raise ValueError("a log without StudyCreated")
        objectives = created.space.objective
        if not 0 <= objective < len(objectives):
            message = f"study {created.name} has {len(objectives)} objective{'s' * (len(objectives) != 1)}"
            raise UsageError(message, hint=f"numbers from 0 to {len(objectives) - 1}")
        cube = Cube.of(created)
        own = [trial for _, trial in sorted(state.trials.items()) if trial.parent is None]
        trials = [copy.copy(trial) for trial in own]
        table = TrialTable(created.plan.rungs, [objectives[objective]]).read(trials)
        rows, expected = table.forecast()
        aims = Aims(objectives[objective : objective + 1])
        surrogate = Surrogate(cube, created.plan, Earlier.of(created.earlier, cube, aims))
        forks = len(state.trials) - len(own)
        return cls(created, objectives[objective], state.seq, cube, surrogate, table, rows, expected, forks)

    @property
    def sign(self) -> float:
        """What turns a score into the objective's value."""
        return -1.0 if self.objective.goal is Goal.MINIMIZE else 1.0

    @property
    def fraction(self) -> bool:
        """Whether the objective lies in [0, 1] and is told in percent."""
        return self.created.space.measures.is_fraction(self.objective.metric)

    @property
    def trials(self) -> list[TrialState]:
        """All trials but forks, by number."""
        return [self.table.trial(row) for row in range(len(self.table))]

    @property
    def real(self) -> int:
        """Number of trials that have a value, not only a failure."""
        return int((self.expected > WORST).sum())

    @property
    def running(self) -> list[TrialState]:
        """Trials that wait or train on the way to a rung."""
        under_way = self.table.in_play & (self.table.epochs < self.table.targets)
        return [self.table.trial(int(row)) for row in np.flatnonzero(under_way)]

    def belief(self, more: Sequence[TrialState] = ()) -> Belief | None:
        """What the process says, with the running trials and `more` at what is expected of them."""
        replaced = {trial.id for trial in more}
        running = [trial for trial in self.running if trial.id not in replaced]
        return self.surrogate.belief(self.table, [*running, *more])

    def scale(self) -> Scale:
        """The scale of the process's targets: every value at every rung, lifted to the full number of epochs."""
        least, most = _bounds(self.objective, fraction=self.fraction)
        return Scale.of(self.surrogate.compared(self.table), least, most)

    def seed(self, purpose: int) -> list[int]:
        """What random numbers for `purpose` start from: the study's seed and how far it is."""
        return [self.created.seed % 2**63, len(self.table), int(self.table.epochs.sum()), purpose]


def _bounds(objective: Objective, *, fraction: bool) -> tuple[float, float]:
    """Between which scores every score of the objective lies."""
    if fraction:
        return (-1.0, 0.0) if objective.goal is Goal.MINIMIZE else (0.0, 1.0)
    return (-math.inf, 0.0) if objective.goal is Goal.MINIMIZE else (-math.inf, math.inf)
