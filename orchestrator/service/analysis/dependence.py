"""What the model expects of each parameter's values: partial dependence (Friedman 2001, equation 53).

The mean over configurations that are drawn uniformly and differ in that parameter alone, at the full number of
epochs. Of a conditional parameter: over those in which it is active.
"""

from __future__ import annotations

import numpy as np

from orchestrator.search.models.gp import Floats
from orchestrator.search.models.surrogate import Belief
from orchestrator.service.analysis.evidence import Evidence
from orchestrator.service.analysis.scale import Scale
from orchestrator.service.views_analysis import DependencePart, DependenceView
from search_spaces.model import Choice

__all__ = ["dependence_of"]

_LEVELS = 21
_OTHERS = 128
_DRAWN = 2048
_PURPOSE = 2


def dependence_of(evidence: Evidence, belief: Belief, scale: Scale) -> DependencePart:
    """Every parameter's partial dependence, in the order of the space."""
    found = [_one(evidence, belief, scale, place) for place in range(evidence.cube.dims)]
    return DependencePart(parameters=tuple(one for one in found if one is not None))


def _one(evidence: Evidence, belief: Belief, scale: Scale, place: int) -> DependenceView | None:
    """None for a parameter that is active in no configuration that was drawn."""
    cube = evidence.cube
    name, codec = cube.encoder.names[place], cube.encoder.codecs[place]
    parameter = cube.encoder.space.parameters[name]
    levels = codec.levels(_LEVELS)
    others = _others(evidence, place)
    if not len(others):
        return None
    points = np.repeat(others[None], len(levels), axis=0)
    points[:, :, place] = np.array([codec.encode(value) for value in levels])[:, None]
    flat = cube.settle(points.reshape(-1, cube.dims))
    mean, deviation = scale.moments(*belief.process.predict(evidence.surrogate.at_the_end(flat)))
    means, deviations = mean.reshape(len(levels), -1), deviation.reshape(len(levels), -1)
    return DependenceView(
        name=name,
        values=tuple(levels),
        log=not isinstance(parameter, Choice) and parameter.log,
        choice=isinstance(parameter, Choice),
        mean=_numbers(evidence.sign * means.mean(axis=1)),
        deviation=_numbers(deviations.mean(axis=1)),
        spread=_numbers(means.std(axis=1)),
    )


def _others(evidence: Evidence, place: int) -> Floats:
    """Uniform points (N, D) in which the parameter is active, whatever its own value."""
    drawn = evidence.cube.uniform(np.random.default_rng(evidence.seed(_PURPOSE)), _DRAWN)
    active = np.isfinite(evidence.cube.settle(drawn)[:, place])
    return drawn[active][:_OTHERS]


def _numbers(column: Floats) -> tuple[float, ...]:
    """Six significant digits: what a chart can show, and small on the wire."""
    return tuple(float(f"{number:.6g}") for number in column)
