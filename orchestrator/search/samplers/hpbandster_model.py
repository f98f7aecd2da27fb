"""`hpbandster`: the model of hpbandster 0.7.4, its BOHB config generator, as a sampler (Falkner et al. 2018).

Its densities are over the points of the cube: numbers and ordered choices are real numbers in [0, 1], unordered choices
its categories, since it knows neither lists nor ordinal parameters. Inactive parameters have a place drawn once for
each trial. Results on every rung are told, budget by budget; the model of the highest budget that has enough of them
suggests. A third of its suggestions is random, as in its defaults.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState, TrialState, TrialStatus
from orchestrator.events.aims import Aims
from orchestrator.search.cube import Cube, Proposal
from orchestrator.search.models.kde import Floats
from orchestrator.search.score import WORST, value_at
from reid_core.errors import UsageError

__all__ = ["HpbandsterSampler", "check_hpbandster"]

_ATTEMPTS = 16
_MODEL_POINTS = 1000
"""Results of each budget that the model is made of, the newest: its densities take their number in time and memory."""


def check_hpbandster() -> None:
    """Raise UsageError when the extra is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("ConfigSpace", "hpbandster")):
        message = "the algorithm hpbandster needs the package of that name, which is not installed"
        raise UsageError(message, hint="pip install 'reid-tune[hpbandster]', or use --algorithm bohb")


class HpbandsterSampler:
    """hpbandster's model, built anew from the state at every question."""

    def __init__(self, created: StudyCreated) -> None:
        self.cube = Cube.of(created)
        self._aims = Aims.of(created)
        self._rungs, self._seed = created.plan.rungs, created.seed
        self._filled: dict[int, tuple[TrialState, Floats]] = {}

    def propose(self, state: StudyState) -> Proposal:
        """What the model suggests."""
        count = len(state.trials)
        seen = [trial.values for trial in state.trials.values()]
        entropy = np.random.SeedSequence([self._seed % 2**63, count]).generate_state(1)
        with _seeded(int(entropy[0])):
            generator = self._generator(int(entropy[0]))
            told = self._tell(generator, state)
            for _ in range(_ATTEMPTS):
                config, how = generator.get_config(self._rungs[-1])
                values = self.cube.realise(self._point(config))
                if values is not None and values not in seen:
                    if how.get("model_based_pick"):
                        budget = max(generator.kde_models)
                        reason = f"suggested by hpbandster's model of {told[budget]} results at epoch {budget}"
                        return Proposal(values, Origin.MODEL, reason)
                    return Proposal(values, Origin.RANDOM, "drawn by hpbandster at random")
        reason = f"drawn uniformly: {_ATTEMPTS} suggestions of hpbandster broke a constraint or were tried before"
        return Proposal(self.cube.random(np.random.default_rng(entropy), seen), Origin.RANDOM, reason)

    def _generator(self, seed: int) -> Any:
        space = importlib.import_module("ConfigSpace")
        made = space.ConfigurationSpace(seed=seed)
        for name, levels in zip(self.cube.encoder.names, self.cube.encoder.categories.tolist(), strict=True):
            if levels:
                made.add(space.CategoricalHyperparameter(name, [str(level) for level in range(levels)]))
            else:
                made.add(space.UniformFloatHyperparameter(name, 0.0, 1.0))
        bohb = importlib.import_module("hpbandster.optimizers.config_generators.bohb")
        quiet = logging.getLogger("reid_tune.hpbandster")
        quiet.setLevel(logging.CRITICAL)
        return bohb.BOHB(made, logger=quiet)

    def _tell(self, generator: Any, state: StudyState) -> dict[int, int]:
        """Tell the results of every rung, the lowest first; how many there are on each."""
        job_of = importlib.import_module("hpbandster.core.dispatcher").Job
        told: dict[int, int] = {}
        trials = [state.trials[number] for number in sorted(state.trials)]
        for rung in self._rungs:
            known = [trial for trial in trials if rung in trial.history or _failed_before(trial, rung)][-_MODEL_POINTS:]
            for place, trial in enumerate(known, start=1):
                job = job_of((0, 0, trial.id), config=self._config(trial), budget=rung)
                value = value_at(trial, rung, self._aims)
                job.result = None if value == WORST else {"loss": -value, "info": {}}
                job.timestamps, job.exception = {}, None
                generator.new_result(job, update_model=place == len(known))
            told[rung] = len(known)
        return told

    def _config(self, trial: TrialState) -> dict[str, float | str]:
        """The trial's point in hpbandster's words."""
        kept = self._filled.get(trial.id)
        if kept is None or kept[0] is not trial:
            point = self.cube.point(trial.values)
            drawn = self.cube.uniform(np.random.default_rng([self._seed % 2**63, trial.id]), 1)[0]
            kept = self._filled[trial.id] = (trial, np.where(np.isfinite(point), point, drawn))
        named = zip(self.cube.encoder.names, kept[1].tolist(), self.cube.encoder.categories.tolist(), strict=True)
        return {name: str(int(place)) if levels else place for name, place, levels in named}

    def _point(self, config: Mapping[str, float | str]) -> Floats:
        return np.array([float(config[name]) for name in self.cube.encoder.names])


def _failed_before(trial: TrialState, rung: int) -> bool:
    """Whether the trial failed on its way to a rung."""
    return trial.status is TrialStatus.FAILED and trial.epoch < rung <= trial.to_epoch


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generator of numpy, from which hpbandster draws, for a moment."""
    before = np.random.get_state()  # noqa: NPY002 - hpbandster knows no other
    np.random.seed(seed)  # noqa: NPY002 - as above
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002 - as above
