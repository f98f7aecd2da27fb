"""The backend contract on real Ray workers, and what only workers can suffer: being killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from contract.backend_contract import BackendContract, EndingContract, drain, spec
from trials.killed import check_killed_controllers
from trials.studies import controller, created

from orchestrator.backends.protocol import Ended, Reported
from orchestrator.events import EpochReported, OutcomeKind, SegmentEnded, StudyStatus
from orchestrator.store import MemoryStore
from orchestrator.trial.protocol import Completed, Failed, Resources

pytestmark = pytest.mark.slow
TESTS = str(Path(__file__).resolve().parents[1])


@pytest.fixture(scope="module")
def ray_backend():
    """Two slots; workers find the trials of the tests by PYTHONPATH."""
    from orchestrator.backends.ray_backend import RayBackend

    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [TESTS, before]))
    backend = RayBackend(2, Resources(1), trial="trials.curves:CurveTrial")
    yield backend
    backend.close()
    os.environ["PYTHONPATH"] = before


class TestRayBackend(BackendContract, EndingContract):
    @pytest.fixture
    def backend(self, ray_backend):
        return ray_backend

    def test_killed_worker_becomes_lost_and_its_slot_works_again(self, backend, tmp_path):
        backend.start(spec(tmp_path, 1, **{"TEST.KILL_ONCE": str(tmp_path / "marker")}))
        lost = drain(backend, 1)[-1]
        assert isinstance(lost, Ended)
        assert isinstance(lost.outcome, Failed)
        assert lost.outcome.kind == "lost"
        assert lost.outcome.retryable
        backend.start(spec(tmp_path, 2))
        assert isinstance(drain(backend, 1)[-1].outcome, Completed)

    def test_what_a_trial_prints_is_in_its_folder_and_its_alone(self, backend, tmp_path):
        for number in (4, 5):
            backend.start(spec(tmp_path, number, **{"TEST.PRINT": f"said by {number}"}))
            drain(backend, 1)
            assert (tmp_path / f"{number:04d}" / "stdout.log").read_text() == f"said by {number}\n"

    def test_two_segments_run_side_by_side(self, backend, tmp_path):
        backend.workers()  # both are warm: one may be new since the test before
        for number in (1, 2):
            backend.start(spec(tmp_path, number, **{"TEST.DELAY": 0.2}))
        reported = [m.segment for m in drain(backend, 2) if isinstance(m, Reported)]
        assert reported != sorted(reported)  # interleaved


def test_worker_killed_mid_segment_runs_again_from_its_checkpoint_and_the_study_ends_as_planned(ray_backend, tmp_path):
    store = MemoryStore()
    store.create_study(created(trials=5, **{"TEST.KILL_ONCE": str(tmp_path / "marker")}), 0.0)
    state = controller(store, "id-curves", tmp_path, ray_backend).run()
    log = [logged.event for logged in store.events("id-curves")]
    assert state.status is StudyStatus.COMPLETED
    assert state.epochs_spent == state.created.plan.epochs
    lost = [e for e in log if isinstance(e, SegmentEnded) and e.outcome is OutcomeKind.FAILED]
    assert [event.failure for event in lost] == ["lost"]
    reported = [(e.trial, e.epoch) for e in log if isinstance(e, EpochReported)]
    assert len(reported) == len(set(reported))


@pytest.mark.parametrize(
    "kills", [(11,), pytest.param((4, 9, 17, 30, 44), marks=pytest.mark.faults)], ids=["once", "often"]
)
def test_killed_controller_on_ray_loses_no_result_and_repeats_no_epoch(tmp_path, kills):
    check_killed_controllers(tmp_path, "ray_backend", "RayBackend", kills, **{"TEST.DELAY": 0.05})
