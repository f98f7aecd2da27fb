"""What a trial's weights were trained with: one configuration, or one after the other where it is a fork."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.events import StudyState, TrialState
from reid_core.config import Values

__all__ = ["Stage", "stages_of"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A trial's values, which hold up to and including epoch `until`."""

    values: Values
    until: int


def stages_of(state: StudyState, trial: TrialState, epochs: int) -> list[Stage]:
    """The stages of a training like the trial's, of `epochs` epochs: from its first ancestor to itself.

    Changes come at the same share of the training as in the study, rounded half up; a stage without an epoch is left
    out. A result of population-based training is this schedule, and not its last values (Jaderberg et al. 2017).
    """
    longest = state.created.plan.max_epochs if state.created is not None else trial.to_epoch
    stages = [Stage(trial.values, epochs)]
    while trial.parent is not None:
        until = (2 * trial.from_epoch * epochs + longest) // (2 * longest)
        trial = state.trials[trial.parent]
        if 0 < until < stages[0].until:
            stages.insert(0, Stage(trial.values, until))
    return stages
