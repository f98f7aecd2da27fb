"""The search as production runs it, behind the ask / tell protocol of ../shared/bench (lcbench.Optimiser).

    python ../shared/bench/score.py --optimiser tests/perf/lcbench_adapter.py:ReidTune [--seeds 3] [--trials 12]

Plan, algorithm and state are orchestrator's own; every answer and result goes through the events of a log, as under
Ray Tune.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.events import StudyCreated
from orchestrator.integrations.tune_study import TuneStudy
from orchestrator.search import NewTrial, make_plan, plan_for_epochs
from search_spaces.model import Float, Int, Objective, Search, Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reid_core.config import Values

__all__ = ["ReidTune", "ReidTuneBohb", "ReidTuneFreezeThaw", "ReidTuneHyperband"]

METRIC = "mAP"  # stands for the benchmark's balanced accuracy
LOWEST_RUNG = {"epochs": 2, "trials": 6}  # the opponents' own; 6 of 52 is the catalog's 7 of 60


class Job(NamedTuple):
    """lcbench.Job, which need not be importable here."""

    trial: int
    config: dict[str, float]
    from_epoch: int
    to_epoch: int


def lcbench_space() -> Space:
    """The benchmark's space, in this project's terms."""
    bench = sys.modules.get("lcbench")
    if bench is None:
        raise RuntimeError("run me by ../shared/bench/score.py, or import lcbench first")
    kinds = {"int": Int, "float": Float}
    parameters = {
        p.name: kinds[p.kind](
            low=int(p.low) if p.kind == "int" else p.low,
            high=int(p.high) if p.kind == "int" else p.high,
            log=p.log,
        )
        for p in bench.SPACE
    }
    return Space(name="lcbench", objective=(Objective(metric=METRIC),), parameters=parameters)


class ReidTune:
    """The default algorithm."""

    algorithm = Search().algorithm

    def __init__(
        self,
        max_epoch: int,
        epochs: int | None,
        trials: int | None,
        workers: int,
        seed: int,
        default: Values | None = None,
    ) -> None:
        if trials is not None:
            plan = make_plan(max_epoch, LOWEST_RUNG["trials"], 3, trials)
        else:
            # The simulator counts the epochs itself and stops; the plan must only not end before.
            plan = plan_for_epochs(max_epoch, LOWEST_RUNG["epochs"], 3, 2 * (epochs or max_epoch))
        created = StudyCreated(
            study="lcbench",
            name="lcbench",
            space=lcbench_space(),
            base=dict(default or {}),
            plan=plan,
            seed=seed,
            algorithm=self.algorithm,
            backend="inline",
            workers=workers,
        )
        self._study = TuneStudy(created)

    def ask(self) -> Job | None:
        """The next job."""
        move = self._study.ask()
        if move is None:
            return None
        if isinstance(move, NewTrial):
            trial = self._study.open(move, str(len(self._study.state.trials) + 1))
        else:
            trial = self._study.state.trials[move.trial]
            self._study.advance(move)
        return Job(trial.id, dict(trial.values), trial.epoch, move.to_epoch)

    def tell(self, job: Job, values: Sequence[float]) -> None:
        """The job's values, one an epoch."""
        name = str(job.trial)
        for epoch, value in enumerate(values, start=job.from_epoch + 1):
            self._study.report(name, epoch, {METRIC: value})
        self._study.rest(name)

    def tell_failed(self, job: Job) -> None:
        """The job crashed for good."""
        self._study.end(str(job.trial), failure="crashed")


class ReidTuneBohb(ReidTune):
    """`--algorithm bohb`."""

    algorithm = "bohb"


class ReidTuneFreezeThaw(ReidTune):
    """`--algorithm freeze-thaw`."""

    algorithm = "freeze-thaw"


class ReidTuneHyperband(ReidTune):
    """`--algorithm hyperband`: bohb's brackets without a model."""

    algorithm = "hyperband"


if __name__ == "__main__":
    sys.exit(f"usage: python ../shared/bench/score.py --optimiser {Path(__file__)}:ReidTune")
