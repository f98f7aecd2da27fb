"""What the model believes of trials and of new configurations, and what further runs are expected to gain."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from orchestrator.events import Origin, TrialState
from orchestrator.search.candidates import candidates
from orchestrator.search.cube import text_of
from orchestrator.search.models.gp import Floats
from orchestrator.search.models.surrogate import Belief
from orchestrator.search.score import WORST, value_at
from orchestrator.service.analysis.evidence import Evidence
from orchestrator.service.analysis.scale import Scale
from orchestrator.service.views_analysis import BeliefPart, BelievedConfiguration, BelievedTrial, GainPart
from reid_core.api import Protocol
from reid_core.config import Values

__all__ = ["FEW_POINTS", "belief_of", "gain_of"]

FEW_POINTS = 0.002
"""A gain in a fraction that is not worth a full run where the spread over seeds is unknown: 0.2 points."""
_SMALL_SHARE = 0.01
"""The same for other metrics: of the distance from the best value to the quartile below which the worst ones lie."""
_SHOWN = 5
_DRAWN = 512
_RUNS = 4
_PURPOSE = 3


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that may come next: a resting trial, or a new configuration, and the epochs that it costs in full."""

    trial: TrialState
    epochs: int
    new: bool


def belief_of(evidence: Evidence, belief: Belief, scale: Scale) -> BeliefPart:
    """The trials and the new configuration of which most is expected at the full number of epochs."""
    mean, deviation = _expected(evidence, belief, scale, evidence.cube.points(evidence.trials))
    able = np.flatnonzero(~evidence.table.failed & (evidence.table.last > WORST))
    best = able[np.argsort(-mean[able], kind="stable")][:_SHOWN]
    points = _candidates(evidence)
    new_mean, new_deviation = _expected(evidence, belief, scale, points)
    new, tried = None, _tried(evidence)
    for place in np.argsort(-new_mean, kind="stable"):
        values = _realised(evidence, points[place], tried)
        if values is not None:
            expected, doubt = evidence.sign * float(new_mean[place]), float(new_deviation[place])
            new = BelievedConfiguration(values=values, mean=expected, deviation=doubt)
            break
    return BeliefPart(trials=tuple(_told(evidence, int(row), mean, deviation) for row in best), new=new)


def _told(evidence: Evidence, row: int, mean: Floats, deviation: Floats) -> BelievedTrial:
    trial = evidence.table.trial(row)
    return BelievedTrial(
        trial=trial.id,
        status=trial.status,
        epoch=trial.epoch,
        seen=evidence.sign * float(evidence.table.last[row]),
        mean=evidence.sign * float(mean[row]),
        deviation=float(deviation[row]),
        origin=trial.origin,
        reason=trial.reason,
        advance_reason=trial.advance_reason,
    )


def gain_of(evidence: Evidence, belief: Belief, scale: Scale) -> GainPart:
    """What one more full run and what four more are expected to gain, and whether one is worth its epochs.

    Four: each is the most promising once those before it are taken to end as expected. They count as independent with
    the deviations that remain then.
    """
    if evidence.created.protocol is Protocol.TEST:
        return GainPart(needs="the validation split: nothing may be chosen on the test split")
    best = _best(evidence, belief, scale)
    chosen: list[_Run] = []
    means: list[float] = []
    deviations: list[float] = []
    runs = _runs(evidence)
    now: Belief | None = belief
    while runs and now is not None and len(chosen) < _RUNS:
        points = evidence.surrogate.at_the_end(evidence.cube.points([run.trial for run in runs]))
        mean, deviation = now.process.predict(points)
        at = int(scale.gains(mean, deviation, best).argmax())
        means.append(float(mean[at]))
        deviations.append(float(deviation[at]))
        chosen.append(runs.pop(at))
        now = evidence.belief([run.trial for run in chosen])
    if not chosen:
        return GainPart(best=evidence.sign * best, needs="something left to try: every configuration was tried in full")
    gains = [
        scale.joint_gain(np.array(means[:count]), np.array(deviations[:count]), best) for count in (1, len(chosen))
    ]
    return _judged(evidence, best, chosen, gains)


def _judged(evidence: Evidence, best: float, chosen: list[_Run], gains: list[float]) -> GainPart:
    threshold, reason = _threshold(evidence)
    first = chosen[0]
    what = "a new configuration" if first.new else f"trial {first.trial.id}, from epoch {first.trial.epoch}"
    part = GainPart(
        best=evidence.sign * best,
        next=gains[0],
        next_epochs=first.epochs,
        what=what,
        four=gains[1],
        four_epochs=sum(run.epochs for run in chosen),
        threshold=threshold,
        threshold_reason=reason,
        stop=gains[0] < threshold,
    )
    return part.model_copy(update={"text": _sentence(evidence, part, len(chosen))})


def _sentence(evidence: Evidence, part: GainPart, runs: int) -> str:
    metric, fraction = evidence.objective.metric, evidence.fraction
    costs = f"{part.next_epochs} epochs: {part.what}"
    more = f"; {runs} more {_amount(part.four, fraction=fraction)} ({part.four_epochs} epochs)" if runs > 1 else ""
    verdict = "Suggestion: stop" if part.stop else "Going on is worth it"
    than = "less" if part.stop else "not less"
    return (
        f"One more full run is expected to gain {_amount(part.next, fraction=fraction)} of {metric} ({costs}){more}. "
        f"{verdict}: that is {than} than {_amount(part.threshold, fraction=fraction)}, {part.threshold_reason}."
    )


def _amount(gain: float, *, fraction: bool) -> str:
    return f"{100 * gain:.2f} points" if fraction else f"{gain:.3g}"


def _threshold(evidence: Evidence) -> tuple[float, str]:
    """The least gain that is worth a full run: the standard error over seeds where configurations were repeated."""
    repeated: dict[str, list[float]] = {}
    objectives = [evidence.objective]
    for trial in evidence.trials:
        value = value_at(trial, evidence.created.plan.max_epochs, objectives)
        if value > WORST:
            repeated.setdefault(text_of(trial.values), []).append(value)
    groups = [values for values in repeated.values() if len(values) > 1]
    runs = sum(map(len, groups))
    squares = sum(float(np.var(values)) * len(values) for values in groups)
    if squares > 0:
        error = math.sqrt(squares / (runs - len(groups)) / (runs / len(groups)))
        return error, f"the standard error over the seeds of {len(groups)} repeated configurations"
    if evidence.fraction:
        return FEW_POINTS, "the usual limit where no configuration was repeated with other seeds"
    seen = evidence.expected[evidence.expected > WORST]
    spread = float(seen.max() - np.quantile(seen, 0.25))
    return _SMALL_SHARE * spread, "1 % of the distance from the best value to the worst quarter"


def _best(evidence: Evidence, belief: Belief, scale: Scale) -> float:
    """What is expected, in full, of the best of those that got furthest: who would be retrained now."""
    table = evidence.table
    able = table.in_play & (table.last > WORST)
    able = able if able.any() else table.last > WORST
    furthest = np.flatnonzero(able & (table.epochs == table.epochs[able].max()))
    points = evidence.cube.points([table.trial(int(row)) for row in furthest])
    mean, _ = belief.process.predict(evidence.surrogate.at_the_end(points))
    return float(scale.units(mean).max())


def _runs(evidence: Evidence) -> list[_Run]:
    """Every resting trial and every new candidate, as it would be when it goes to the last epoch."""
    most = evidence.created.plan.max_epochs
    resting = evidence.table.resting & (evidence.table.epochs < most) & (evidence.table.last > WORST)
    runs = [
        _Run(replace(trial, to_epoch=most), most - trial.epoch, new=False)
        for trial in (evidence.table.trial(int(row)) for row in np.flatnonzero(resting))
    ]
    number = max((trial.id for trial in evidence.trials), default=0)
    tried = _tried(evidence)
    for point in _candidates(evidence):
        values = _realised(evidence, point, tried)
        if values is not None:
            number += 1
            runs.append(_Run(TrialState(number, values, Origin.MODEL, "", 0, most), most, new=True))
    return runs


def _candidates(evidence: Evidence) -> Floats:
    return candidates(evidence.cube, evidence.table, np.random.default_rng(evidence.seed(_PURPOSE)), _DRAWN)


def _tried(evidence: Evidence) -> frozenset[str]:
    return frozenset(text_of(trial.values) for trial in evidence.trials)


def _realised(evidence: Evidence, point: Floats, tried: frozenset[str]) -> Values | None:
    """The configuration at a settled point; None when a constraint refuses it or it was tried."""
    filled = np.where(np.isfinite(point), point, 0.0)  # coordinates of inactive parameters do not count
    values = evidence.cube.realise(filled)
    return None if values is None or text_of(values) in tried else values


def _expected(evidence: Evidence, belief: Belief, scale: Scale, points: Floats) -> tuple[Floats, Floats]:
    """Means and deviations (M,) in the objective's unit, as scores, of points (M, D) at the last epoch."""
    return scale.moments(*belief.process.predict(evidence.surrogate.at_the_end(points)))
