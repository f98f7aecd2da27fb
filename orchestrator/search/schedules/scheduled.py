"""An algorithm that follows the plan's brackets and asks a sampler for each new configuration."""

from __future__ import annotations

from typing import Protocol

from orchestrator.events import StudyCreated, StudyState
from orchestrator.search.cube import Proposal
from orchestrator.search.moves import Move, NewTrial
from orchestrator.search.schedules.brackets import Opening, next_in_brackets

__all__ = ["BracketSearch", "Sampler"]


class Sampler(Protocol):
    """Chooses configurations; the same state gives the same proposal."""

    def propose(self, state: StudyState) -> Proposal:
        """The next configuration to try."""


class BracketSearch:
    """Hyperband's order with any sampler."""

    def __init__(self, created: StudyCreated, sampler: Sampler) -> None:
        self._plan = created.plan
        self._objectives = created.space.objective
        self._sampler = sampler

    def next(self, state: StudyState) -> Move | None:
        """The plan's next step; a new trial's configuration comes from the sampler."""
        step = next_in_brackets(self._plan, state, self._objectives)
        if not isinstance(step, Opening):
            return step
        proposal = self._sampler.propose(state)
        return NewTrial(proposal.values, proposal.origin, proposal.reason, step.bracket, step.to_epoch)
