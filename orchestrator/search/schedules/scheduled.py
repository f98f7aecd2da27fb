"""An algorithm that follows a schedule and asks a sampler for each new configuration."""

from __future__ import annotations

from typing import Protocol

from orchestrator.events import StudyCreated, StudyState
from orchestrator.search.cube import Cube, Proposal
from orchestrator.search.moves import Move, NewTrial
from orchestrator.search.schedules.brackets import Opening
from orchestrator.search.schedules.named import Rule
from orchestrator.search.score import Aims

__all__ = ["Sampler", "ScheduledSearch"]


class Sampler(Protocol):
    """Chooses configurations of the space `cube`; the same state gives the same proposal."""

    @property
    def cube(self) -> Cube:
        """The space, whose opening configurations come before all that the sampler proposes."""

    def propose(self, state: StudyState) -> Proposal:
        """The next configuration to try after the opening ones."""


class ScheduledSearch:
    """A rule that says who goes on, and a sampler for every new trial."""

    def __init__(self, created: StudyCreated, sampler: Sampler, rule: Rule) -> None:
        self._plan = created.plan
        self._aims = Aims.of(created)
        self._sampler, self._rule = sampler, rule

    def next(self, state: StudyState) -> Move | None:
        """The rule's next step; a new trial's configuration comes from the sampler."""
        step = self._rule(self._plan, state, self._aims)
        if not isinstance(step, Opening):
            return step
        opening, place = self._sampler.cube.opening, len(state.trials) - state.from_wanted
        proposal = opening[place] if place < len(opening) else self._sampler.propose(state)
        return NewTrial(proposal.values, proposal.origin, proposal.reason, step.bracket, step.to_epoch)
