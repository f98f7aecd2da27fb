"""What each trial is expected to be worth at the full budget, from the rungs it has reached.

Every trial reports every rung on its way, so brackets that start on different rungs meet on the lower ones.
A trial that rests below the top is lifted by the median gain that those who went on had, rung by rung: the
order on its own rung stays, and trials of different rungs become comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.events import TrialState
from orchestrator.search.table import TrialTable
from search_spaces.model import Objective

__all__ = ["forecast"]


def forecast(trials: Iterable[TrialState], rungs: Sequence[int], objectives: Sequence[Objective]) -> dict[int, float]:
    """Expected score at the highest rung by trial id; WORST for failed trials. Trials without a rung are absent.

    A trial stopped by a person keeps what it has reported.
    """
    table = TrialTable(rungs, objectives).read(list(trials))
    rows, scores = table.forecast()
    return dict(zip(table.ids[rows].tolist(), scores.tolist(), strict=True))
