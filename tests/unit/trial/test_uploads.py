"""Uploads go on beside training: in order, the newest wins, failures are tried again."""

import hashlib
import threading
from pathlib import Path

import pytest

from orchestrator.trial.protocol import CheckpointRef
from orchestrator.trial.upload import Uploads


class SlowVault:
    """A vault that waits for `gate` before each upload, and fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.gate, self.began = threading.Semaphore(0), threading.Semaphore(0)
        self.failures, self.sent = failures, []

    def put(self, checkpoint):
        self.began.release()
        assert self.gate.acquire(timeout=30)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody there")
        self.sent.append(checkpoint.epoch)
        return CheckpointRef(f"memory://x/{checkpoint.epoch}", checkpoint.epoch, checkpoint.sha256)


@pytest.fixture
def checkpoint(tmp_path):
    def make(epoch: int) -> CheckpointRef:
        path = Path(tmp_path) / f"epoch-{epoch:04d}.pt"
        path.write_bytes(b"x")
        return CheckpointRef(str(path), epoch, hashlib.sha256(b"x").hexdigest())

    return make


def open_gate(vault):
    for _ in range(20):
        vault.gate.release()


def test_the_newest_wins_while_an_upload_is_under_way_and_order_is_kept(checkpoint):
    vault = SlowVault()
    uploads = Uploads(vault, must=[3])
    uploads.put(checkpoint(1))
    assert vault.began.acquire(timeout=30)
    for epoch in (2, 3, 4, 5):
        uploads.put(checkpoint(epoch))
    open_gate(vault)
    last = uploads.wait(checkpoint(5), lambda: 30)
    uploads.close()
    assert last.path == "memory://x/5"
    assert vault.sent == [1, 3, 5]  # 1 was on its way, 3 must be there, 2 and 4 gave way
    assert [one.epoch for one in uploads.news()[0]] == [1, 3, 5]


def test_the_best_so_far_is_not_passed_over_until_a_better_one_comes(checkpoint):
    vault = SlowVault()
    uploads = Uploads(vault)
    uploads.put(checkpoint(1))
    assert vault.began.acquire(timeout=30)
    for epoch in (2, 3, 4, 5):
        uploads.put(checkpoint(epoch))
        if epoch in {2, 4}:
            uploads.hold(epoch)
    open_gate(vault)
    uploads.wait(checkpoint(5), lambda: 30)
    uploads.close()
    assert vault.sent == [1, 4, 5]


def test_the_best_is_sent_though_training_has_deleted_it_by_then(checkpoint):
    vault = SlowVault()
    uploads = Uploads(vault)
    uploads.put(checkpoint(1))
    assert vault.began.acquire(timeout=30)
    second, third = checkpoint(2), checkpoint(3)
    uploads.put(second)
    uploads.hold(2)
    Path(second.path).unlink()
    uploads.put(third)
    sent = []
    put = vault.put
    vault.put = lambda one: (sent.append(Path(one.path).read_bytes()), put(one))[1]
    open_gate(vault)
    uploads.wait(third, lambda: 30)
    uploads.close()
    assert vault.sent == [1, 2, 3]
    assert sent == [b"x", b"x"]


def test_a_failure_is_told_and_tried_again(checkpoint):
    vault = SlowVault(failures=2)
    open_gate(vault)
    uploads = Uploads(vault, pause=0.01)
    uploads.put(checkpoint(1))
    assert uploads.wait(checkpoint(1), lambda: 30) is not None
    uploads.close()
    _, lines = uploads.news()
    assert len(lines) == 2
    assert "ConnectionError: nobody there" in lines[0]


@pytest.mark.slow
def test_waiting_has_an_end_and_what_is_gone_is_not_waited_for(checkpoint):
    vault = SlowVault()
    uploads = Uploads(vault)
    uploads.put(checkpoint(1))
    assert uploads.wait(checkpoint(1), lambda: 0.05) is None
    vault.failures = 1
    Path(checkpoint(1).path).unlink()
    vault.gate.release()
    assert uploads.wait(CheckpointRef("", 9, ""), lambda: 0.05) is None
    uploads.close()
    vault.gate.release()
