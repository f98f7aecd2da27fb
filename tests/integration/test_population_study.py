"""Population-based training through the control loop: forks, their checkpoints, and kills in between."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from trials.studies import controller, created

from orchestrator.control.checkpoints import beginning_of
from orchestrator.control.decide import resume_epoch
from orchestrator.events import (
    EpochReported,
    Logged,
    Origin,
    SegmentStarted,
    StudyCreated,
    StudyStatus,
    TrialStatus,
    TrialSuggested,
    fold,
)
from orchestrator.search.plan import population_plan
from orchestrator.store import MemoryStore, Store, open_store
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


def study(members=4, max_epochs=3, **base: object) -> StudyCreated:
    plan = population_plan(max_epochs, 1, 3, members)
    return created(algorithm="pbt", **base).model_copy(update={"plan": plan})


def run(store: Store, directory: Path, made: StudyCreated | None = None):
    if made is not None:
        store.create_study(made, 0.0)
    return controller(store, "id-curves", directory).run()


def story(log: list[Logged]) -> list[tuple]:
    """What the study suggested and measured, without times, processes and crashes."""
    told: list[tuple] = []
    for logged in log:
        match logged.event:
            case TrialSuggested() as event:
                told.append(
                    (event.trial, tuple(sorted(event.values.items())), event.reason, event.parent, event.from_epoch)
                )
            case EpochReported() as event:
                told.append((event.trial, event.epoch, event.metrics["mAP"]))
    return told


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("population")
    store = MemoryStore()
    state = run(store, directory, study())
    return directory, state, list(store.events("id-curves"))


def test_a_population_ends_with_every_place_at_the_last_epoch(finished):
    _, state, _ = finished
    forks = [trial for trial in state.trials.values() if trial.parent is not None]
    assert state.status is StudyStatus.COMPLETED
    assert state.epochs_spent == state.created.plan.epochs == 12
    assert sum(trial.status is TrialStatus.COMPLETED for trial in state.trials.values()) == 4
    assert len(forks) == 2, "one of four on each of two rungs"
    assert all(trial.origin is Origin.FORK for trial in forks)


def test_a_fork_runs_its_own_epochs_from_its_parents_checkpoint(finished):
    """CurveTrial's checkpoint carries a momentum over all epochs: a fork that began anew would report another value."""
    _, state, log = finished
    starts = {one.event.trial: one.event for one in reversed(log) if isinstance(one.event, SegmentStarted)}
    momenta = [0.0]
    for epoch in range(1, 4):
        momenta.append(0.9 * momenta[-1] + 0.001 * epoch)
    for trial in state.trials.values():
        if trial.parent is None:
            continue
        first = trial.from_epoch + 1
        assert starts[trial.id].from_epoch == trial.from_epoch
        assert sorted(trial.history) == list(range(first, trial.epoch + 1))
        curve = (1 - math.exp(-first / 10)) / (1 + (math.log10(trial.values["lr"]) + 3) ** 2)
        assert trial.history[first]["mAP"] == pytest.approx(curve + 1e-3 * momenta[first], rel=1e-12)


def test_files_of_the_end_are_those_of_the_rungs_of_each_trial(finished):
    directory, state, _ = finished
    for number, trial in state.trials.items():
        left = sorted(path.name for path in (directory / "trials" / f"{number:04d}").glob("*.json"))
        own = {*trial.rung_checkpoints, trial.checkpoint.epoch}
        assert left == [f"epoch-{epoch}.json" for epoch in sorted(own)]


def test_a_fork_begins_with_its_parents_checkpoint_and_goes_on_with_its_own(finished):
    _, state, log = finished
    at = next(i for i, one in enumerate(log) if isinstance(one.event, TrialSuggested) and one.event.parent is not None)
    fork = log[at].event
    before = fold(log[: at + 2])
    trial = before.trials[fork.trial]
    begun = beginning_of(before, trial)
    assert (begun.epoch, resume_epoch(trial), trial.epoch) == (fork.from_epoch, fork.from_epoch, fork.from_epoch)
    assert begun == before.trials[fork.parent].rung_checkpoints[fork.from_epoch]
    assert trial.history == {}
    later = state.trials[fork.trial]
    assert beginning_of(state, later) == later.checkpoint


def test_a_fork_whose_parent_left_no_checkpoint_is_said(finished):
    _, _, log = finished
    at = next(i for i, one in enumerate(log) if isinstance(one.event, TrialSuggested) and one.event.parent is not None)
    state = fold(log[: at + 1])
    fork = state.trials[log[at].event.trial]
    state.trials[fork.parent].rung_checkpoints.clear()
    with pytest.raises(Conflict, match=f"goes on from trial {fork.parent} at epoch {fork.from_epoch}"):
        beginning_of(state, fork)


def test_diverged_members_are_replaced_and_the_study_completes(tmp_path):
    state = run(MemoryStore(), tmp_path, study(**{"TEST.DIVERGE_ABOVE": 1e-2}))
    failed = {trial.id for trial in state.trials.values() if trial.status is TrialStatus.FAILED}
    replaced = {trial.replaces for trial in state.trials.values()}
    assert failed
    assert failed <= replaced
    assert state.status is StudyStatus.COMPLETED
    assert sum(trial.status is TrialStatus.COMPLETED for trial in state.trials.values()) == 4


def killed_at(folder: Path, seq: int, made: StudyCreated):
    """The study killed when event `seq` was durable, then finished by another controller."""
    folder.mkdir()
    store = open_store(folder / "studies.db")
    store.create_study(made, 0.0)
    script = KILLED.format(tests=str(Path(__file__).resolve().parent.parent))
    died = subprocess.run([sys.executable, "-c", script, str(folder), str(seq)], check=False, env=os.environ)
    assert died.returncode == -signal.SIGKILL
    store.release("id-curves", store.holder("id-curves").token)
    run(store, folder)
    log = list(store.events("id-curves"))
    store.close()
    return log


def test_killed_between_a_forks_suggestion_and_its_first_checkpoint_it_begins_again(finished, tmp_path):
    _, _, log = finished
    fork = next(one for one in log if isinstance(one.event, TrialSuggested) and one.event.parent is not None)
    again = killed_at(tmp_path / "killed", fork.seq, study())
    assert story(again) == story(log)
    starts = [
        one.event.from_epoch
        for one in again
        if isinstance(one.event, SegmentStarted) and one.event.trial == fork.event.trial
    ]
    assert starts[:2] == [fork.event.from_epoch] * 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_any_event_from_the_first_fork_on_the_population_ends_the_same(finished, tmp_path):
    _, _, log = finished
    first = next(one.seq for one in log if isinstance(one.event, TrialSuggested) and one.event.parent is not None)
    for seq in range(first, log[-1].seq, 2):
        assert story(killed_at(tmp_path / str(seq), seq, study())) == story(log), seq
