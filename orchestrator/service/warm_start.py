"""Results of earlier studies that the search may use: those whose configurations fit this space."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.events import EarlierResult, Plan, StudyCreated, StudyState, TrialState
from reid_core.api import Protocol
from reid_core.config import Values
from reid_core.errors import Finding, InvalidInput
from search_spaces.encoding import Encoder, complete
from search_spaces.model import Goal, Objective, Space

__all__ = ["Earlier", "States", "earlier_of"]

MOST_TRIALS = 200
"""So many trials of a study are taken, the best of those that got furthest: the model's cost grows fast with more."""

_MOST_SHOWN = 8
_ELSEWHERE = ("DATASETS.", "DATALOADER.CACHE_DIR", "DATALOADER.NUM_WORKERS", "OUTPUT_DIR")  # what fingerprints tell
_MODEL_KEYS = ("MODEL.BACKBONE.", "MODEL.HEADS.", "MODEL.META_ARCHITECTURE", "INPUT.SIZE_")

States = Callable[[str], StudyState]
"""The state of a study by name, id or latest; raises NotFound."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a study begins with: results, the names of the studies they come from, and notes about what was left out."""

    results: tuple[EarlierResult, ...] = ()
    studies: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Here:
    """The study that is about to begin."""

    encoder: Encoder
    plan: Plan
    objective: Objective
    others: tuple[str, ...]
    data: tuple[str, str]


def earlier_of(
    names: Sequence[str], states: States, space: Space, base: Values, plan: Plan, data: tuple[str, str]
) -> Earlier:
    """The fitting results of the studies `names`; `data` holds this study's fingerprints of data and split.

    An epoch stands for the rung of this study that is the same share of a full run; the highest one, where that holds
    for several. Raises NotFound for an unknown
    study, InvalidInput for one that nothing can be taken from.
    """
    here = _Here(Encoder(space, base), plan, space.objective[0], tuple(one.metric for one in space.objective[1:]), data)
    results: list[EarlierResult] = []
    studies: list[str] = []
    notes: list[str] = []
    for name in names:
        state = states(name)
        created = _usable(state, name)
        if created.name in studies:
            continue
        taken, note = _taken(state, created, here)
        results += taken
        studies.append(created.name)
        notes.append(note)
    return Earlier(tuple(results), tuple(studies), tuple(notes))


def _usable(state: StudyState, name: str) -> StudyCreated:
    if state.created is None or not state.epochs_spent:
        raise _refused(f"study {name} has no finished epoch", "name one that has results, see `reid-tune studies ls`")
    if state.created.protocol is Protocol.TEST:
        message = f"study {state.created.name} measured the test split: nothing may be chosen on it"
        raise _refused(message, "name a study that was measured on the validation split")
    return state.created


def _taken(state: StudyState, created: StudyCreated, here: _Here) -> tuple[list[EarlierResult], str]:
    """The results of one study, and how many of its trials they come from."""
    other = _other_settings(created, here)
    same_data = created.data_fingerprint != "" and (created.data_fingerprint, created.split_fingerprint) == here.data
    same = same_data and not other
    told = [trial for _, trial in sorted(state.trials.items()) if trial.history and trial.parent is None]
    whole = [(trial, complete(created.base, trial.values, created.space.tied)) for trial in told]
    fitting = [(trial, values) for trial, all_of in whole if (values := here.encoder.fitting(all_of)) is not None]
    made = [(trial, _results(trial, values, created, here, same_data=same)) for trial, values in fitting]
    useful = [(trial, results) for trial, results in made if results]
    if not useful:
        message = f"no trial of study {created.name} fits this space"
        missing = [key for key in here.encoder.names if key not in {*created.base, *created.space.parameters}]
        hint = f"it does not know {', '.join(missing)}" if missing else "its values lie outside of this space"
        if fitting:
            message = f"study {created.name} did not report {here.objective.metric} at an epoch that is a rung here"
            hint = "choose another study, or another objective"
        raise _refused(message, hint)
    best = sorted(useful, key=lambda entry: _rank(entry[1], here.objective, entry[0].id))[:MOST_TRIALS]
    kept = sorted(best, key=lambda entry: entry[0].id)
    data = "the same data" if same_data else "other data"
    fit = f"{len(useful)} of {len(told)} trials fit this space"
    only = f", the best {len(kept)} count" if len(kept) < len(useful) else ""
    left_out = [key for key in created.space.parameters if key not in here.encoder.names]
    dropped = f"; not varied here: {', '.join(left_out)}" if left_out else ""
    shown = [*other[:_MOST_SHOWN], *(["..."] if len(other) > _MOST_SHOWN else [])]
    unlike = f"; other values there, so only their order counts: {', '.join(shown)}" if other else ""
    found = [result for _, results in kept for result in results]
    note = f"warm start from study {created.name} ({data}): {fit}{only}{dropped}{unlike}{_unmeasured(found, here)}"
    return found, note


def _unmeasured(results: Sequence[EarlierResult], here: _Here) -> str:
    """The other objectives that no result tells."""
    missing = [metric for metric in here.others if not any(metric in result.metrics for result in results)]
    return f"; not measured there: {', '.join(missing)}" if missing else ""


def _other_settings(created: StudyCreated, here: _Here) -> list[str]:
    """Keys that make values incomparable, those of the model first: not varied here, and other or varied there."""
    found = [
        key
        for key, value in sorted(here.encoder.base.items())
        if key not in here.encoder.names
        and not key.startswith(_ELSEWHERE)
        and (key in created.space.parameters or created.base.get(key, value) != value)
    ]
    if created.plan.max_epochs != here.plan.max_epochs:
        found = ["SOLVER.MAX_EPOCH", *(key for key in found if key != "SOLVER.MAX_EPOCH")]
    return sorted(found, key=lambda key: not key.startswith(_MODEL_KEYS))


def _results(
    trial: TrialState, values: Values, created: StudyCreated, here: _Here, *, same_data: bool
) -> list[EarlierResult]:
    ratio = created.plan.max_epochs / here.plan.max_epochs
    # a value counts once, at the highest of the rungs that it could stand for
    rungs = {max(1, math.floor(rung * ratio + 0.5)): rung for rung in sorted(here.plan.rungs)}
    results = []
    for epoch, rung in rungs.items():
        metrics = {name: value for name, value in trial.history.get(epoch, {}).items() if math.isfinite(value)}
        if here.objective.metric in metrics:
            results.append(
                EarlierResult(study=created.name, values=values, epoch=rung, metrics=metrics, same_data=same_data)
            )
    return results


def _rank(results: Sequence[EarlierResult], objective: Objective, trial: int) -> tuple[int, float, int]:
    """Those that got furthest first, among them the best."""
    last = results[-1]
    value = last.metrics[objective.metric]
    return (-last.epoch, value if objective.goal is Goal.MINIMIZE else -value, trial)


def _refused(message: str, hint: str) -> InvalidInput:
    return InvalidInput(Finding("warm-start", message, file="--warm-start", key="warm_start", hint=hint))
