"""A Searcher of Ray Tune around an algorithm of this project."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune.result import TRAINING_ITERATION
from ray.tune.search import Searcher

from orchestrator.events import Plan, StudyCreated
from orchestrator.integrations.tune_space import nested, space_of
from orchestrator.integrations.tune_study import TuneStudy
from orchestrator.search import Advance, NewTrial, check_algorithm, full_runs, lay_out
from orchestrator.search.algorithm import ALGORITHMS
from reid_core.config import Values
from reid_core.errors import Finding, SpaceError, UsageError
from search_spaces.encoding import Encoder, complete
from search_spaces.load import LoadedSpace, load_space
from search_spaces.model import Goal, Objective, Space
from search_spaces.sampling import findings

__all__ = ["ReidTuneSearch"]

_UNSUPPORTED = ("grid", "pbt")
"""A grid has seeds of its own, and a population trains on with other values: Tune has both itself."""
_GOALS = {"max": Goal.MAXIMIZE, "min": Goal.MINIMIZE}


class ReidTuneSearch(Searcher):  # type: ignore[misc]
    """Chooses configurations, as a study of `reid-tune run` with the same seed does.

    `space` is a space of this project (its name or file, loaded or not), or a `param_space` of Tune; left out, it is
    the Tuner's `param_space`. `metric` and `mode` ("max" or "min", or a list of each) are the space's objective by
    default. `trials` configurations are tried; a full run has `max_epochs` reports (default: the space's budget), and
    the lowest rung is not below `min_epochs`. At most `max_concurrent` trials run at a time; None: as many as Tune has
    room for. `points_to_evaluate` are configurations to try first, by the space's keys. A trial gets the keys of the
    space: parameters, fixed values, and what is tied.
    Raises SpaceError and UsageError for what makes no sense, here or when the Tuner starts.
    """

    def __init__(  # noqa: PLR0913 - an option is an argument
        self,
        space: str | LoadedSpace | Space | Mapping[str, object] | None = None,
        *,
        metric: str | Sequence[str] | None = None,
        mode: str | Sequence[str] | None = None,
        algorithm: str = "freeze-thaw",
        trials: int = 12,
        max_epochs: int | None = None,
        min_epochs: int | None = None,
        eta: int | None = None,
        seed: int = 0,
        max_concurrent: int | None = None,
        points_to_evaluate: Sequence[Values] = (),
    ) -> None:
        super().__init__()
        if algorithm in _UNSUPPORTED or algorithm not in ALGORITHMS:
            known = ", ".join(name for name in ALGORITHMS if name not in _UNSUPPORTED)
            raise UsageError(f"{algorithm!r} is not an algorithm for Ray Tune", hint=f"there are {known}")
        self.trials = trials
        self.pauses = False
        self._algorithm, self._seed, self._eta = algorithm, seed, eta
        self._epochs = (max_epochs, min_epochs)
        self._concurrent = max_concurrent
        self._first = tuple(dict(point) for point in points_to_evaluate)
        self._goals = _objectives(metric, mode)
        self._space: Space | None = None
        self._base: Values = {}
        if space is not None:
            self._space, self._base = _space(space)
        self._study: TuneStudy | None = None
        self._seen_running: frozenset[str] = frozenset()
        self._tell_metric(self._goals or (() if self._space is None else self._space.objective))

    @property
    def study(self) -> TuneStudy:
        """The log behind the search. It begins with the first question, when metric, space and scheduler are known."""
        if self._study is None:
            self._study = TuneStudy(self._created())
        return self._study

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, object], **_: object
    ) -> bool:
        """Take what the Tuner was given, where it was not given here. False: the Tuner's space is not used."""
        if metric is not None and not self._goals:
            self._goals = _objectives(metric, mode)
            self._tell_metric(self._goals)
        if self._space is not None:
            return False
        self._space, self._base = _space(config)
        return True

    def set_max_concurrency(self, max_concurrent: int) -> bool:
        """Count trials that run, not those that rest, as TuneConfig's `max_concurrent_trials`."""
        self._concurrent = max_concurrent
        return True

    def suggest(self, trial_id: str) -> dict[str, object] | str | None:
        """The configuration of a new trial; None while a resting one comes first or all slots are taken."""
        study = self.study
        if self.has_room():
            move = study.ask()
            if isinstance(move, NewTrial):
                return self._configuration(study.open(move, trial_id).values)
            if isinstance(move, Advance):
                study.advance(move)
        return Searcher.FINISHED if study.over else None

    def has_room(self) -> bool:
        """Whether one more trial may start: below the limit, and nothing decided still waits for its start."""
        running = self.study.running
        if self._concurrent is not None:
            return len(running) < self._concurrent
        return not self.pauses or self._seen_running.issuperset(running)

    def see(self, running: frozenset[str]) -> None:
        """Take what the scheduler sees: the trials that Tune runs now."""
        self._seen_running = running

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Take an epoch's metrics."""
        self.study.report(trial_id, int(result.get(TRAINING_ITERATION, 0)), self._metrics(result))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Take the last metrics; a trial that failed counts as worst, one that ended early never goes on."""
        if result:
            self.on_trial_result(trial_id, result)
        self.study.end(trial_id, "failed in Ray Tune" if error else "")

    def save(self, checkpoint_path: str) -> None:
        """Write the log as lines of JSON. `Tuner.fit` does it by itself."""
        self.study.save(checkpoint_path)

    def restore(self, checkpoint_path: str) -> None:
        """Take up a saved log: what was suggested and reported, and what runs. `Tuner.restore` does it by itself."""
        self._study = TuneStudy.read(checkpoint_path)
        self._space, self._base = self._study.created.space, self._study.created.base
        self._tell_metric(self._space.objective)

    def _created(self) -> StudyCreated:
        if self._space is None:
            raise UsageError("the search has no space", hint="give it one, or give the Tuner a `param_space`")
        space = self._space
        if self._goals:
            space = space.model_copy(update={"objective": self._goals})
        schedule = "" if self.pauses or not ALGORITHMS[self._algorithm].schedule else "full"
        check_algorithm(self._algorithm, schedule, space)
        wrong = [found for point in self._first for found in findings(Encoder(space, self._base), point)]
        if wrong:
            raise SpaceError(wrong)
        return StudyCreated(
            study="tune",
            name=space.name,
            space=space,
            base=self._base,
            plan=self._plan(space),
            seed=self._seed,
            algorithm=self._algorithm,
            schedule=schedule,
            backend="ray-tune",
            workers=self._concurrent or 1,
            enqueued=self._first,
        )

    def _plan(self, space: Space) -> Plan:
        longest, lowest = self._epochs
        if longest is None and "max_epochs" not in space.budget.model_fields_set:
            finding = Finding("budget", "nobody says how long a full run is", key="max_epochs", hint="give max_epochs")
            raise SpaceError(finding)
        longest = longest or space.budget.max_epochs
        eta = self._eta or space.budget.eta
        if not self.pauses:
            return full_runs(longest, eta, self.trials)
        if lowest is None:
            lowest = max(1, space.budget.min_epochs * longest // space.budget.max_epochs)
        return lay_out(self._algorithm, "", max_epochs=longest, min_epochs=lowest, eta=eta, trials=self.trials)

    def _configuration(self, values: Values) -> dict[str, object]:
        created = self.study.created
        whole = complete(created.base, values, created.space.tied)
        return nested({**created.space.fixed, **values, **{key: whole[key] for key in created.space.tied}})

    def _metrics(self, result: Mapping[str, Any]) -> dict[str, float]:
        """What the objectives name. A report without it counts as one that is not a number: worst."""
        return {goal.metric: float(result.get(goal.metric, math.nan)) for goal in self.study.created.space.objective}

    def _tell_metric(self, goals: Sequence[Objective]) -> None:
        """Tell Tune the first objective, for its tables."""
        if goals:
            self._metric = goals[0].metric
            self._mode = "max" if goals[0].goal is Goal.MAXIMIZE else "min"


def _space(space: str | LoadedSpace | Space | Mapping[str, object]) -> tuple[Space, Values]:
    if isinstance(space, str):
        space = load_space(space)
    if isinstance(space, LoadedSpace):
        return space.space, space.base
    plain = space if isinstance(space, Space) else space_of(space)
    return plain, dict(plain.fixed)


def _objectives(metric: str | Sequence[str] | None, mode: str | Sequence[str] | None) -> tuple[Objective, ...]:
    if metric is None:
        if mode is not None:
            raise UsageError("a mode needs a metric", hint="give both, or none of them")
        return ()
    metrics = [metric] if isinstance(metric, str) else list(metric)
    modes = ["max"] * len(metrics) if mode is None else [mode] if isinstance(mode, str) else list(mode)
    if len(metrics) != len(modes) or not set(modes) <= set(_GOALS):
        raise UsageError(f"mode is {mode!r}", hint="give `max` or `min`, one for each metric")
    return tuple(Objective(metric=name, goal=_GOALS[each]) for name, each in zip(metrics, modes, strict=True))
