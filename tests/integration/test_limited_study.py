"""Whole studies under limits and with confirmation, over the real controller and real checkpoints."""

from __future__ import annotations

import statistics
import threading

import pytest
from trials.studies import controller, created

from orchestrator.events import CommandGiven, CommandKind, EpochReported, Limits, Origin, StudyState, StudyStatus
from orchestrator.search.confirm import confirmed
from orchestrator.service.progress import best, planned_epochs, planned_trials, winner
from orchestrator.store import MemoryStore


class Clock:
    """A clock that moves on by `step` seconds when the controller's loop asks; the lease's thread only looks."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 1000.0, step

    def __call__(self) -> float:
        if threading.current_thread() is threading.main_thread():
            self.now += self.step
        return self.now


def run_study(directory, *, trials: int = 12, seconds: float = 0.0, confirm: int = 0, **limits: object) -> StudyState:
    """`seconds` pass with every look at the clock; the rungs are 1, 3 and 9."""
    first = created(trials=trials, algorithm="hyperband")
    first = first.model_copy(update={"limits": Limits(**limits), "confirm": confirm})
    store = MemoryStore()
    store.create_study(first, 1000.0)
    return controller(store, "id-curves", directory, clock=Clock(seconds)).run()


@pytest.mark.parametrize("epochs", [9, 14, 20, 31])
def test_an_epoch_limit_is_never_exceeded_and_used_well(tmp_path, epochs):
    state = run_study(tmp_path, epochs=epochs)
    assert state.status is StudyStatus.COMPLETED
    assert epochs - 2 <= state.epochs_spent <= epochs
    assert "epochs" in state.reason


def test_a_limit_beyond_the_plan_changes_nothing(tmp_path):
    plain = run_study(tmp_path / "a")
    limited = run_study(tmp_path / "b", epochs=500, wall_seconds=1e6, target="mAP >= 1")
    assert (limited.reason, limited.epochs_spent) == ("", plain.epochs_spent)
    assert [trial.values for trial in limited.trials.values()] == [trial.values for trial in plain.trials.values()]


def test_a_target_ends_the_study_on_the_rung_where_it_is_reached(tmp_path):
    values = [trial.at(3, "mAP") for trial in run_study(tmp_path / "a").trials.values() if trial.at(3, "mAP")]
    state = run_study(tmp_path / "b", target=f"mAP >= {values[0]:.4f}")
    assert state.status is StudyStatus.COMPLETED
    assert "reached by trial" in state.reason
    assert state.epochs_spent < state.created.plan.epochs
    assert winner(state).metrics["mAP"] >= values[0] - 1e-4


def test_wall_time_is_kept_within_an_epoch(tmp_path):
    state = run_study(tmp_path, seconds=1.0, wall_seconds=40.0)
    assert state.reason == "the limit of 40 s wall time is reached"
    assert 0 < state.epochs_spent < state.created.plan.epochs
    assert 40 <= state.wall_seconds() < 40 + 12  # some looks at the clock an epoch
    assert not state.running


def test_time_of_a_pause_is_given_back(tmp_path):
    first = created(trials=12, algorithm="hyperband").model_copy(update={"limits": Limits(wall_seconds=45.0)})
    store, clock = MemoryStore(), Clock(1.0)
    store.create_study(first, 1000.0)

    def pause_once(logged, state):
        if state.epochs_spent == 3 and isinstance(logged.event, EpochReported):
            store.post("id-curves", CommandGiven(command=CommandKind.PAUSE, by="test"), 0.0)

    paused = controller(store, "id-curves", tmp_path, clock=clock, observer=pause_once).run()
    assert paused.status is StudyStatus.PAUSED
    before = paused.wall_seconds()
    clock.now += 10_000
    state = controller(store, "id-curves", tmp_path, clock=clock).run()
    assert state.reason == "the limit of 45 s wall time is reached"
    assert before < 45 <= state.wall_seconds() < 45 + 12


def test_finalists_are_trained_again_in_full_with_new_seeds(tmp_path):
    state = run_study(tmp_path, confirm=2)
    own = [trial for trial in state.trials.values() if trial.confirms is None]
    again = [trial for trial in state.trials.values() if trial.confirms is not None]
    assert len(own) == state.created.plan.trials
    full = sorted((trial for trial in own if trial.epoch == 9), key=lambda trial: -trial.metrics["mAP"])[:3]
    assert {trial.confirms for trial in again} == {trial.id for trial in full}
    assert sorted(trial.seed for trial in again) == sorted(len(full) * [8, 9])
    for trial in again:
        assert (trial.epoch, trial.origin, trial.bracket) == (9, Origin.CONFIRM, -1)
        assert trial.values == state.trials[trial.confirms].values
        assert f"confirms trial {trial.confirms}" in trial.reason
    assert (planned_trials(state), planned_epochs(state)) == (len(state.trials), state.epochs_spent)


def test_the_winner_is_a_finalist_with_mean_and_deviation(tmp_path):
    state = run_study(tmp_path, confirm=2)
    found, first = winner(state), confirmed(state)[0]
    runs = [state.trials[first.trial], *(trial for trial in state.trials.values() if trial.confirms == first.trial)]
    values = [trial.metrics["mAP"] for trial in runs]
    assert (found.trial, found.runs) == (first.trial, 3)
    assert state.trials[found.trial].confirms is None
    assert found.metrics["mAP"] == pytest.approx(statistics.fmean(values))
    assert found.deviations["mAP"] == pytest.approx(statistics.stdev(values))
    assert best(state) == found


def test_an_epoch_limit_holds_for_confirmations_too(tmp_path):
    plan = created(trials=12).plan
    state = run_study(tmp_path, confirm=3, epochs=plan.epochs + 20)
    assert sum(trial.confirms is not None for trial in state.trials.values()) == 2
    assert state.epochs_spent == plan.epochs + 18
