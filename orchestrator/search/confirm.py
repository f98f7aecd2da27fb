"""Confirmation: when a search is over, its finalists are trained again with new seeds, and their means decide.

The best of many noisy values is too good: whoever was lucky leads (the optimiser's curse, Smith & Winkler 2006). The
wrapper works with any algorithm, which is not asked again once a finalist's repetition has begun.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.events import Origin, StudyCreated, StudyState, TrialState, TrialStatus
from orchestrator.events.aims import Aims
from orchestrator.search.moves import Algorithm, Move, NewTrial
from orchestrator.search.score import known_at, ranked, show_at

__all__ = ["FINALISTS", "Confirmed", "Confirming", "confirmed", "finalists", "repetitions"]

FINALISTS = 3
_BRACKET = -1  # of no plan: schedules leave such trials alone
_UNDER_WAY = {TrialStatus.RUNNING, TrialStatus.WAITING}


class Confirming:
    """An algorithm whose finalists are confirmed with `created.confirm` new seeds each, seed by seed."""

    def __init__(self, inner: Algorithm, created: StudyCreated) -> None:
        self._inner, self._created, self._aims = inner, created, Aims.of(created)

    def next(self, state: StudyState) -> Move | None:
        """The inner algorithm's move; after its last one, the next repetition of a finalist."""
        repeated = {(trial.confirms, trial.seed) for trial in state.trials.values() if trial.confirms is not None}
        if not repeated:
            move = self._inner.next(state)
            if move is not None or any(trial.status in _UNDER_WAY for trial in state.trials.values()):
                return move
        chosen = finalists(state, self._created)
        for seed in range(self._created.seed + 1, self._created.seed + 1 + self._created.confirm):
            for place, trial in enumerate(chosen, start=1):
                if (trial.id, seed) not in repeated:
                    return self._again(trial, place, len(chosen), seed)
        return None

    def _again(self, trial: TrialState, place: int, count: int, seed: int) -> NewTrial:
        epochs = self._created.plan.max_epochs
        value = show_at(trial, epochs, self._aims)
        reason = f"confirms trial {trial.id}, finalist {place} of {count} with {value}: the same with seed {seed}"
        return NewTrial(
            trial.values, Origin.CONFIRM, reason, _BRACKET, epochs, row=trial.row, seed=seed, confirms=trial.id
        )


def finalists(state: StudyState, created: StudyCreated) -> list[TrialState]:
    """The best trials that were trained in full, at most FINALISTS, best first; of several objectives their front's.

    Who was repeated once stays one, whatever is retried or promoted meanwhile; nobody joins after the first seed.
    """
    repeats = [state.trials[number] for number in sorted(state.trials) if state.trials[number].confirms is not None]
    chosen = [state.trials[number] for number in dict.fromkeys(one.confirms for one in repeats) if number is not None]
    if len(chosen) >= FINALISTS or len({one.seed for one in repeats}) > 1:
        return chosen
    done = [
        trial
        for trial in state.trials.values()
        if trial.status is TrialStatus.COMPLETED and trial.confirms is None and trial.parent is None
    ]
    best = ranked(done, created.plan.max_epochs, Aims.of(created))
    return [*chosen, *(trial for trial in best if trial not in chosen)][:FINALISTS]


def repetitions(created: StudyCreated, state: StudyState | None = None) -> int:
    """Trainings that confirming takes: at most so many, and as many as the finalists need once it has begun."""
    if not created.confirm:
        return 0
    begun = state is not None and any(trial.confirms is not None for trial in state.trials.values())
    count = len(finalists(state, created)) if begun and state is not None else min(FINALISTS, created.plan.trials)
    return count * created.confirm


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A finalist over its `runs`, the first one included; `failed` repetitions gave no value.

    Means and sample standard deviations (n - 1; none of a single run) at the last epoch, by metric.
    """

    trial: int
    runs: int
    failed: int
    means: dict[str, float]
    deviations: dict[str, float] = field(default_factory=dict)


def confirmed(state: StudyState) -> list[Confirmed]:
    """The finalists, the one that wins first; empty before each of them has been repeated once.

    A finalist with failed repetitions comes after those with fewer; then the mean of the first objective decides.
    """
    created = state.created
    if created is None or not created.confirm:
        return []
    repeats: dict[int, list[TrialState]] = {}
    for trial in state.trials.values():
        if trial.confirms is not None and known_at(trial, created.plan.max_epochs):
            repeats.setdefault(trial.confirms, []).append(trial)
    chosen = finalists(state, created)
    if not repeats or any(trial.id not in repeats for trial in chosen):
        return []
    found = [_over_runs(trial, repeats[trial.id], created.plan.max_epochs) for trial in chosen]
    aims = Aims.of(created)

    def key(one: Confirmed) -> tuple[int, float, float]:
        vector = aims.vector(one.means)
        return one.failed, aims.violation(one.means), math.inf if vector is None else -vector[0]

    return sorted(found, key=key)


def _over_runs(trial: TrialState, repeats: Iterable[TrialState], epochs: int) -> Confirmed:
    told = [(one, one.history.get(epochs)) for one in (trial, *repeats)]
    runs = [metrics for _, metrics in told if metrics is not None]
    failed = sum(metrics is None and one.status is TrialStatus.FAILED for one, metrics in told)
    values = {
        name: [metrics[name] for metrics in runs if math.isfinite(metrics.get(name, math.nan))] for name in runs[0]
    }
    return Confirmed(
        trial.id,
        len(runs),
        failed,
        {name: statistics.fmean(several) for name, several in values.items() if several},
        {name: statistics.stdev(several) for name, several in values.items() if len(several) > 1},
    )
