"""What models cost, measured once for each network of a study: two measurements of one network differ by noise."""

from __future__ import annotations

from orchestrator.events import StudyState, TrialState
from reid_core.config import Value, Values
from reid_core.config.costs import decides_cost
from search_spaces.encoding import complete
from search_spaces.model import Space

__all__ = ["known_costs"]


def known_costs(state: StudyState, trial: TrialState) -> dict[str, float]:
    """The wanted costs of a trial's network, as this trial or the first one with the same network reported them."""
    created = state.created
    if created is None or not created.space.costs:
        return {}
    space, wanted = created.space, created.space.costs
    own = _network(space, created.base, trial)
    for other in (trial, *state.trials.values()):
        metrics = other.metrics
        if all(name in metrics for name in wanted) and _network(space, created.base, other) == own:
            return {name: metrics[name] for name in wanted}
    return {}


def _network(space: Space, base: Values, trial: TrialState) -> dict[str, Value | None]:
    """The values, among those that vary, that decide what a network costs."""
    varied = [key for key in (*space.parameters, *space.tied) if decides_cost(key)]
    values = complete(base, trial.values, space.tied)
    rows = [key for key in trial.values if decides_cost(key)]
    return {key: values.get(key) for key in (*varied, *rows)}
