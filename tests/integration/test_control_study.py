"""The control loop on the inline backend: whole studies, failures, pauses, and a kill at every event."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from trials.studies import controller, created

from orchestrator.events import (
    CommandGiven,
    CommandKind,
    EpochReported,
    Logged,
    StudyEnded,
    StudyState,
    StudyStatus,
    TrialStatus,
    TrialSuggested,
    fold,
)
from orchestrator.store import MemoryStore, SqlStore, open_store
from reid_core.errors import Conflict

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from orchestrator.store import open_store
from trials.studies import controller
store = open_store(Path(sys.argv[1]) / "studies.db")
left = int(sys.argv[2])
def see(logged, state):
    if logged.seq >= left:
        os.kill(os.getpid(), signal.SIGKILL)
controller(store, "id-curves", Path(sys.argv[1]), observer=see).run()
"""


def run_study(directory: Path, **options) -> StudyState:
    store = MemoryStore()
    store.create_study(created(**options), 0.0)
    return controller(store, "id-curves", directory).run()


def story(log: list[Logged]) -> list[tuple]:
    """What the study suggested and measured, without times, processes and crashes."""
    told = []
    for logged in log:
        match logged.event:
            case TrialSuggested() as event:
                told.append(
                    (event.trial, tuple(sorted(event.values.items())), event.origin, event.reason, event.bracket)
                )
            case EpochReported() as event:
                told.append((event.trial, event.epoch, tuple(sorted(event.metrics.items()))))
    return told


def test_study_runs_its_whole_plan_and_ends_completed(tmp_path):
    state = run_study(tmp_path, trials=12)
    assert state.status is StudyStatus.COMPLETED
    assert len(state.trials) == 12
    assert state.epochs_spent == state.created.plan.epochs
    assert not state.running
    assert max(trial.epoch for trial in state.trials.values()) == 9


def test_search_beats_the_default_on_a_curve_it_can_learn(tmp_path):
    state = run_study(tmp_path, trials=12)
    default = state.trials[1]
    assert default.values["lr"] == pytest.approx(1e-4)
    best = max(trial.metrics["mAP"] for trial in state.trials.values())
    assert best > default.metrics["mAP"]


def test_diverged_trials_count_as_worst_and_the_study_goes_on(tmp_path):
    state = run_study(tmp_path, trials=12, **{"TEST.DIVERGE_ABOVE": 3e-3})
    failed = [trial for trial in state.trials.values() if trial.status is TrialStatus.FAILED]
    assert failed
    assert all(kind == "diverged" for trial in failed for kind, _ in trial.failures)
    assert state.status is StudyStatus.COMPLETED
    assert f"{len(failed)} of 12 trials failed" in state.reason


def test_all_trials_failing_ends_the_study_with_the_common_cause(tmp_path):
    state = run_study(tmp_path, trials=12, **{"TEST.CRASH_ALWAYS": True})
    assert state.status is StudyStatus.FAILED
    assert "made to crash" in state.reason
    assert len(state.trials) < 12


def test_every_trial_diverging_ends_failed_after_all_were_tried(tmp_path):
    state = run_study(tmp_path, trials=5, **{"TEST.DIVERGE_ABOVE": 0.0})
    assert state.status is StudyStatus.FAILED
    assert "all 5 trials failed" in state.reason
    assert "NaN" in state.reason


def test_pause_command_saves_and_a_later_controller_finishes_identically(tmp_path):
    store = MemoryStore()
    store.create_study(created(), 0.0)

    def pause_once(logged, state):
        if state.epochs_spent == 4 and isinstance(logged.event, EpochReported):
            store.post("id-curves", CommandGiven(command=CommandKind.PAUSE, by="test"), 0.0)

    paused = controller(store, "id-curves", tmp_path / "a", observer=pause_once).run()
    assert paused.status is StudyStatus.PAUSED
    assert not paused.running
    resumed = controller(store, "id-curves", tmp_path / "a").run()
    assert resumed.status is StudyStatus.COMPLETED

    straight = MemoryStore()
    straight.create_study(created(), 0.0)
    controller(straight, "id-curves", tmp_path / "b").run()
    assert story(list(store.events("id-curves"))) == story(list(straight.events("id-curves")))


def test_stop_command_ends_the_study_and_starts_nothing_more(tmp_path):
    store = MemoryStore()
    store.create_study(created(), 0.0)

    def stop_once(logged, state):
        if logged.seq == 6:
            store.post("id-curves", CommandGiven(command=CommandKind.STOP, by="ann"), 0.0)

    state = controller(store, "id-curves", tmp_path, observer=stop_once).run()
    assert state.status is StudyStatus.STOPPED
    assert "ann" in state.reason
    last = list(store.events("id-curves"))[-1].event
    assert isinstance(last, StudyEnded)


def test_running_a_finished_study_again_adds_nothing_to_its_log(tmp_path):
    store = MemoryStore()
    store.create_study(created(trials=1, max_epochs=1), 0.0)
    controller(store, "id-curves", tmp_path).run()
    last = store.last_seq("id-curves")
    assert controller(store, "id-curves", tmp_path).run().status is StudyStatus.COMPLETED
    assert store.last_seq("id-curves") == last


def test_second_controller_is_refused_and_leaves_no_trace(tmp_path):
    store = MemoryStore()
    store.create_study(created(), 0.0)
    store.acquire("id-curves", "elsewhere:1", 60.0, __import__("time").time())
    before = store.last_seq("id-curves")
    with pytest.raises(Conflict, match="elsewhere:1"):
        controller(store, "id-curves", tmp_path).run()
    assert store.last_seq("id-curves") == before


def test_controller_that_lost_its_lease_stops_writing(tmp_path):
    store = MemoryStore()
    store.create_study(created(), 0.0)
    usurped_at = []

    def usurp(logged, state):
        if logged.seq == 7:
            store.release("id-curves", state.token)
            store.acquire("id-curves", "usurper:2", 60.0, __import__("time").time())
            usurped_at.append(store.last_seq("id-curves"))

    with pytest.raises(Conflict):
        controller(store, "id-curves", tmp_path, observer=usurp).run()
    assert store.last_seq("id-curves") == usurped_at[0]


@pytest.mark.slow
def test_kill_at_every_event_then_resume_equals_the_uninterrupted_study(tmp_path):
    straight = MemoryStore()
    straight.create_study(created(trials=3, max_epochs=3), 0.0)
    controller(straight, "id-curves", tmp_path / "straight").run()
    expected = story(list(straight.events("id-curves")))
    events = straight.last_seq("id-curves")
    script = KILLED.format(tests=str(Path(__file__).resolve().parent.parent))

    for kill_at in range(2, events):
        folder = tmp_path / str(kill_at)
        folder.mkdir()
        store: SqlStore = open_store(folder / "studies.db")
        store.create_study(created(trials=3, max_epochs=3), 0.0)
        died = subprocess.run([sys.executable, "-c", script, str(folder), str(kill_at)], check=False, env=os.environ)
        assert died.returncode == -signal.SIGKILL
        assert store.last_seq("id-curves") == kill_at or store.last_seq("id-curves") == kill_at + 1
        holder = store.holder("id-curves")
        store.release("id-curves", holder.token)
        state = controller(store, "id-curves", folder).run()
        log = list(store.events("id-curves"))
        assert state.status is StudyStatus.COMPLETED, kill_at
        assert story(log) == expected, kill_at
        assert fold(log).epochs_spent == state.epochs_spent
        store.close()


def test_lease_is_renewed_while_an_inline_epoch_takes_longer_than_it(tmp_path, monkeypatch):
    import time

    from orchestrator.control import lease

    monkeypatch.setattr(lease, "SECONDS", 0.6)
    store = MemoryStore()
    store.create_study(created(trials=1, max_epochs=1, **{"TEST.DELAY": 2.0}), 0.0)
    live = []

    def look(logged, state):
        if isinstance(logged.event, EpochReported):
            live.append(store.holder("id-curves").expires > time.time())

    controller(store, "id-curves", tmp_path, observer=look).run()
    assert live == [True]
    assert store.holder("id-curves") is None
