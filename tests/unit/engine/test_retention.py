from __future__ import annotations

import pytest

from reid_core.engine.checkpoint import Checkpoint, load, save, sidecar
from reid_core.engine.retention import checkpoints, latest, path_of, prune


def write(directory, *epochs):
    for epoch in epochs:
        save(Checkpoint(epoch, 0, 2, {}, {}, None, {}, {}), path_of(directory, epoch))


def test_the_last_two_and_the_named_ones_stay(tmp_path):
    write(tmp_path, 1, 2, 3, 4, 10)
    prune(tmp_path, keep={2})
    assert list(checkpoints(tmp_path)) == [2, 4, 10]
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize(("keep_last", "left"), [(0, []), (1, [2]), (5, [1, 2])])
def test_how_many_stay_is_an_argument(tmp_path, keep_last, left):
    write(tmp_path, 1, 2)
    prune(tmp_path, keep=(), keep_last=keep_last)
    assert list(checkpoints(tmp_path)) == left


def test_checkpoints_that_an_earlier_training_left_push_out_none_of_the_new_ones(tmp_path):
    write(tmp_path, 1, 2, 3, 35, 36)
    prune(tmp_path, keep=(), now=3)
    assert list(checkpoints(tmp_path)) == [2, 3, 35, 36]


def test_other_files_are_nobodys_checkpoint(tmp_path):
    write(tmp_path, 1)
    for name in ("epoch-best.pt", ".epoch-0009.pt.x.tmp", "notes.txt"):
        (tmp_path / name).write_text("")
    assert list(checkpoints(tmp_path)) == [1]
    assert checkpoints(tmp_path / "nowhere") == {}


def test_a_torn_newest_checkpoint_costs_one_epoch_and_is_named(tmp_path):
    write(tmp_path, 1, 2, 3)
    path_of(tmp_path, 3).write_bytes(b"torn")
    lines = []
    found = latest(tmp_path, log=lines.append)
    assert found is not None
    assert (found.epoch, found.path) == (2, path_of(tmp_path, 2))
    assert load(found.path, sha256=found.sha256).epoch == 2
    assert len(lines) == 1
    assert "epoch-0003.pt is torn" in lines[0]


def test_no_checkpoint_is_none(tmp_path):
    assert latest(tmp_path, log=pytest.fail) is None


def test_a_lost_sum_is_no_reason_to_lose_the_checkpoint(tmp_path):
    write(tmp_path, 1)
    sidecar(path_of(tmp_path, 1)).unlink()
    found = latest(tmp_path, log=pytest.fail)
    assert found is not None
    assert found.epoch == 1
