"""The analysis of a study: all parts together, made once for each state of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from orchestrator.service.analysis.dependence import dependence_of
from orchestrator.service.analysis.evidence import Evidence
from orchestrator.service.analysis.importance import MOST_TRIALS, importance_of
from orchestrator.service.analysis.promise import belief_of, gain_of
from orchestrator.service.views_analysis import AnalysisView, BeliefPart, DependencePart, GainPart

__all__ = ["LEAST_RESULTS", "KeptAnalyses", "analysis_of"]

LEAST_RESULTS = 6
"""Trials with a result that the model needs before what it believes is worth reading."""


def analysis_of(evidence: Evidence) -> AnalysisView:
    """What the results of a study say; parts that lack results say what they need instead."""
    view = AnalysisView(
        study=evidence.created.name,
        revision=evidence.revision,
        objective=evidence.objective,
        fraction=evidence.fraction,
        max_epochs=evidence.created.plan.max_epochs,
        results=evidence.real,
        importance=importance_of(evidence),
        dependence=DependencePart(),
        belief=BeliefPart(),
        gain=GainPart(),
        notes=_notes(evidence),
    )
    needs = _needs(evidence)
    belief = None if needs else evidence.belief()
    if belief is None:
        needs = needs or f"at least {LEAST_RESULTS} trials with a result"
        parts = {
            "dependence": DependencePart(needs=needs),
            "belief": BeliefPart(needs=needs),
            "gain": GainPart(needs=needs),
        }
        return view.model_copy(update=parts)
    scale = evidence.scale()
    return view.model_copy(
        update={
            "dependence": dependence_of(evidence, belief, scale),
            "belief": belief_of(evidence, belief, scale),
            "gain": gain_of(evidence, belief, scale),
        }
    )


def _needs(evidence: Evidence) -> str:
    if not evidence.cube.dims:
        return "parameters: the space has none"
    if evidence.real < LEAST_RESULTS:
        return f"at least {LEAST_RESULTS} trials with a result; there are {evidence.real}"
    return ""


def _notes(evidence: Evidence) -> tuple[str, ...]:
    notes = []
    if len(evidence.created.space.objective) > 1:
        notes.append(f"The study has several objectives; this is about {evidence.objective.metric} alone.")
    if evidence.created.space.outcome_constraints:
        notes.append("Constraints on what trials measure are not taken into account.")
    if evidence.forks:
        told = "1 fork is" if evidence.forks == 1 else f"{evidence.forks} forks are"
        notes.append(f"{told} left out: other values did part of their training.")
    if len(evidence.rows) > MOST_TRIALS:
        notes.append(f"Importance is over {MOST_TRIALS} of {len(evidence.rows)} trials, drawn at random by the seed.")
    return tuple(notes)


class KeptAnalyses:
    """The analyses made last, each with the revision that it is of. One is made at a time. Safe for threads."""

    def __init__(self, *, most: int = 32) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, int], AnalysisView] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, study: str, objective: int, revision: int, read: Callable[[], Evidence]) -> AnalysisView:
        """The analysis of the study at `revision`; of what `read` returns when that one is not kept."""
        key = (study, objective)
        with self._lock:
            kept = self._kept.pop(key, None)
            if kept is None or kept.revision != revision:
                kept = analysis_of(read())
            self._kept[key] = kept
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return kept
