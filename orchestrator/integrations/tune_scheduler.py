"""A TrialScheduler of Ray Tune that lets trials rest at the rungs of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial
from ray.tune.result import TRAINING_ITERATION
from ray.tune.schedulers import TrialScheduler

from orchestrator.events import TrialStatus
from orchestrator.integrations.tune_search import ReidTuneSearch
from orchestrator.search import Advance

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController

__all__ = ["ReidTuneScheduler"]


class ReidTuneScheduler(TrialScheduler):  # type: ignore[misc]
    """Lets trials rest at the rungs of the plan, and runs on those that the search advances.

    Trainables report a checkpoint with every epoch, or at least at the rungs, and continue from the one they get.
    """

    _supports_buffered_results = False

    def __init__(self, search: ReidTuneSearch) -> None:
        super().__init__()
        self._search = search
        search.pauses = True

    def set_search_properties(self, metric: str | None, mode: str | None, **_: object) -> bool:
        """Take nothing but a metric that the searcher has not: both are the searcher's."""
        del mode
        self._metric = self._search.metric or metric
        return True

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """Let a trial rest that rested when a Tuner that is restored was interrupted."""
        del tune_controller
        known = self._search.study.trial(trial.trial_id)
        if known is not None and known.status is TrialStatus.RESTING and trial.status == Trial.PENDING:
            trial.set_status(Trial.PAUSED)

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Nothing: Tune tries it again, or tells the searcher that it failed."""

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        """Continue below the rung; at it, rest, or go on where the search says so; stop after a full run."""
        del tune_controller
        search, study = self._search, self._search.study
        search.on_trial_result(trial.trial_id, result)
        known = study.trial(trial.trial_id)
        epoch = int(result.get(TRAINING_ITERATION, 0))
        if known is None or epoch < known.to_epoch:
            return str(TrialScheduler.CONTINUE)
        if epoch >= study.created.plan.max_epochs:
            return str(TrialScheduler.STOP)
        study.rest(trial.trial_id)
        move = study.ask() if search.has_room() else None
        if isinstance(move, Advance) and move.trial == known.id:
            study.advance(move)
            return str(TrialScheduler.CONTINUE)
        return str(TrialScheduler.PAUSE)

    def on_trial_complete(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> None:
        """Nothing: Tune tells the searcher."""

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Nothing: Tune tells the searcher."""

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """A resting trial that the search advances, else one that was never started; at the end, stop what rests."""
        trials: list[Trial] = tune_controller.get_trials()
        search, study = self._search, self._search.study
        search.see(frozenset(trial.trial_id for trial in trials if trial.status == Trial.RUNNING))
        move = study.ask() if tune_controller.search_alg.is_finished() and search.has_room() else None
        if isinstance(move, Advance):  # nobody asks the searcher any more
            study.advance(move)
        wanted = set(study.running)
        for status in (Trial.PAUSED, Trial.PENDING):
            for trial in trials:
                if trial.status == status and (trial.trial_id in wanted or status == Trial.PENDING):
                    return trial
        if (
            not study.state.running
            and not isinstance(study.ask(), Advance)
            and tune_controller.search_alg.is_finished()
        ):
            for trial in trials:
                if trial.status == Trial.PAUSED:
                    tune_controller.stop_trial(trial)
        return None

    def debug_string(self) -> str:
        """One line for Tune's console."""
        state, plan = self._search.study.state, self._search.study.created.plan
        done = f"{len(state.trials)} of {plan.trials} trials, {state.epochs_spent} of {plan.epochs} epochs"
        return f"ReidTuneScheduler: {done}, rungs {', '.join(map(str, plan.rungs))}"
