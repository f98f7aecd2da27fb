"""A disk that is really full, while a checkpoint, the trial's log, the cache, MLflow or the vault is written."""

import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from trials.spaces import TINY
from trials.studies import controller, created

from orchestrator.backends.run_segment import Asking, run_segment
from orchestrator.events import SegmentEnded
from orchestrator.store import MemoryStore
from orchestrator.tracking import MlflowProjection, sync
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Failed, SegmentSpec
from orchestrator.trial.reid import ReidTrial
from reid_core.errors import DataError
from search_spaces.encoding import complete
from search_spaces.load import load_space


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB with nothing in it; `fill` takes what is left."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path, leave: int = 0) -> Path:
    """Take all but `leave` bytes."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        for _ in range(10_000):
            file.write(b"\0" * 4096)
    assert ballast.stat().st_size < 4 << 20
    if leave:
        with ballast.open("rb+") as file:
            file.truncate(max(0, ballast.stat().st_size - leave))
    return ballast


def spec(directory: Path, **changes) -> SegmentSpec:
    loaded = load_space(
        f"name: tiny\nrecipe: demo\nparameters: {{SOLVER.BASE_LR: {{type: float, low: 1.0e-4, high: 1.0e-2}}}}\n{TINY}"
    )
    values = {"config": complete(loaded.base, {}, {}), "directory": str(directory), "trial": 1, "segment": 1}
    values |= {"study": "s", "seed": 0, "from_epoch": 0, "to_epoch": 1, "checkpoint": None}
    return SegmentSpec(**{**values, **changes})


def ended(one: SegmentSpec):
    said = []
    run_segment(ReidTrial(), one, said.append, Asking(lambda: False))
    return said[-1].outcome


def files(folder: Path):
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != "ballast")


def test_a_full_disk_under_a_checkpoint_is_the_nodes_fault_and_leaves_no_half_file(small_disk, home):
    ballast = fill(small_disk, leave=64 << 10)
    one = spec(small_disk / "trials" / "0001")
    outcome = ended(one)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == (FailureKind.NODE, True)
    assert "full" in outcome.message
    assert files(small_disk) == ["trial.log"]
    ballast.unlink()
    shutil.rmtree(small_disk / "trials")
    assert not isinstance(ended(spec(home / "trials" / "0001")), Failed)  # elsewhere it goes on


def test_a_full_disk_under_the_trials_log_is_the_nodes_fault(small_disk):
    (small_disk / "0001").mkdir()
    fill(small_disk)
    outcome = ended(spec(small_disk / "0001"))
    assert (outcome.kind, outcome.retryable) == (FailureKind.NODE, True)
    assert "No space left" in outcome.message


def test_a_full_disk_under_the_image_cache_is_the_nodes_fault_and_leaves_no_half_cache(small_disk, tmp_path):
    folder = small_disk / "cache"
    folder.mkdir()
    ballast = fill(small_disk)
    one = spec(tmp_path / "0001")
    one = spec(tmp_path / "0001", config={**one.config, "DATALOADER.CACHE_DIR": str(folder)})
    outcome = ended(one)
    assert (outcome.kind, outcome.retryable) == (FailureKind.NODE, True)
    assert not [name for name in files(small_disk) if name.endswith(".npy")]
    ballast.unlink()
    assert not isinstance(ended(one), Failed)


def test_a_full_disk_under_the_copy_of_the_data_is_told_and_leaves_no_half_copy(small_disk, tmp_path, monkeypatch):
    from reid_core.data.remote import data_root

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").write_bytes(b"x" * (1 << 20))
    monkeypatch.setenv("REID_TUNE_HOME", str(small_disk))
    ballast = fill(small_disk, leave=64 << 10)
    with pytest.raises(DataError, match="left"):
        data_root((tmp_path / "data").as_uri())
    assert not [name for name in files(small_disk) if name.endswith(".jpg")]
    ballast.unlink()
    assert files(data_root((tmp_path / "data").as_uri())) == ["a.jpg"]


def test_a_study_on_a_full_disk_goes_on_when_there_is_room_again(small_disk):
    store = MemoryStore()
    store.create_study(created(trials=3, max_epochs=9), 0.0)
    made = []

    def fills(logged, state):
        if state.epochs_spent == 4 and not made:
            made.append(fill(small_disk))
        if isinstance(logged.event, SegmentEnded) and logged.event.failure is FailureKind.NODE:
            made[0].unlink(missing_ok=True)

    state = controller(store, "id-curves", small_disk, observer=fills).run()
    failed = [
        one.event for one in store.events("id-curves") if isinstance(one.event, SegmentEnded) and one.event.failure
    ]
    assert {one.failure for one in failed} == {FailureKind.NODE}
    assert "No space left" in failed[0].message
    assert state.status.value == "completed"
    assert all(trial.status.value in {"completed", "resting"} for trial in state.trials.values())
    assert not list(small_disk.rglob("*.tmp"))


@contextmanager
def full_vault(small_disk):
    ballast = fill(small_disk)
    yield f"file://{small_disk}/vault"
    ballast.unlink()


def test_a_full_disk_under_the_vault_is_told_and_uploads_go_on_when_there_is_room(small_disk, tmp_path, monkeypatch):
    from orchestrator.trial.upload import Uploads
    from orchestrator.trial.vault import Vault

    path = tmp_path / "epoch-0001.pt"
    path.write_bytes(b"x" * 100_000)
    import hashlib

    from orchestrator.trial.protocol import CheckpointRef

    ref = CheckpointRef(str(path), 1, hashlib.sha256(path.read_bytes()).hexdigest())
    (small_disk / "vault").mkdir()
    with full_vault(small_disk) as url:
        uploads = Uploads(Vault(url), pause=0.05)
        uploads.put(ref)
        assert uploads.wait(ref, lambda: 0.3) is None
        assert "No space left" in uploads.news()[1][0]
        assert files(small_disk) == []
    kept = uploads.wait(ref, lambda: 30)
    uploads.close()
    assert Vault(url).fetch(kept, tmp_path / "back").read_bytes() == path.read_bytes()


def test_a_full_disk_under_mlflow_is_told_and_filled_in_later(small_disk, tmp_path):
    store = MemoryStore()
    store.create_study(created(trials=3, max_epochs=9), 0.0)
    controller(store, "id-curves", tmp_path / "study").run()
    log, cursor = list(store.events("id-curves")), [0]
    projection = MlflowProjection(
        f"sqlite:///{small_disk}/mlflow.db", "id-curves", "curves", artifacts=str(tmp_path / "artifacts")
    )

    def synced(until: int):
        return sync(
            lambda after: log[after:until], lambda: cursor[0], lambda seq: cursor.__setitem__(0, seq), projection
        )

    assert synced(3).complete
    ballast = fill(small_disk)
    report = synced(len(log))
    assert not report.complete
    assert cursor[0] < len(log)
    assert "full" in report.last_error
    ballast.unlink()
    assert synced(len(log)).complete
    assert cursor == [len(log)]
