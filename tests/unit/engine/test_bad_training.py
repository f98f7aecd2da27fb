"""What goes wrong while training ends with a clear error, and leaves nothing half-written."""

from __future__ import annotations

import errno
import json
import math
import os
import struct
from zipfile import ZipFile

import pytest

from reid_core import api
from reid_core.engine import trainer as trainer_module
from reid_core.engine.checkpoint import load, sidecar
from reid_core.engine.compilation import compiled
from reid_core.engine.compute import Compute
from reid_core.engine.retention import checkpoints
from reid_core.engine.run import DIVERGED
from reid_core.errors import CheckpointError, ConfigError, TrainingDiverged


def train(config, directory, **options):
    return api.train(config, directory=directory, protocol=api.Protocol.VALIDATION, threads=1, **options)


@pytest.mark.slow
def test_the_images_of_a_batch_whose_loss_is_not_finite_are_saved(tiny, tmp_path, monkeypatch):
    real = trainer_module.Trainer.step
    monkeypatch.setattr(trainer_module.Trainer, "step", lambda self, batch: real(self, batch) | {"loss": math.inf})
    with pytest.raises(TrainingDiverged, match=rf"all of them: .*{DIVERGED}") as caught:
        train(tiny(), tmp_path)
    saved = json.loads((tmp_path / DIVERGED).read_text())
    assert saved["files"] == list(caught.value.files)
    assert len(saved["files"]) == 8
    assert (saved["epoch"], saved["iteration"]) == (1, 0)
    assert "loss inf" in saved["error"]
    assert [path.name for path in tmp_path.iterdir()] == [DIVERGED]


@pytest.mark.slow
def test_a_disk_that_is_full_does_not_hide_that_the_loss_was_not_finite(tiny, tmp_path, monkeypatch):
    real = trainer_module.Trainer.step
    monkeypatch.setattr(trainer_module.Trainer, "step", lambda self, batch: real(self, batch) | {"loss": math.nan})
    (tmp_path / "file").write_text("no folder can be made here")
    with pytest.raises(TrainingDiverged, match="loss nan") as caught:
        train(tiny(), tmp_path / "file" / "run")
    assert len(caught.value.files) == 8


def _middle_of_the_largest_tensor(path):
    """An offset in the file; between its records lie bytes that nothing reads and no sum protects."""
    with ZipFile(path) as file:
        record = max(file.infolist(), key=lambda info: info.file_size)
    header = path.read_bytes()[record.header_offset :][:30]
    name, extra = struct.unpack("<HH", header[26:])
    return record.header_offset + 30 + name + extra + record.file_size // 2


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [True, False], ids=["with-sum", "without-sum"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped"])
def test_a_broken_checkpoint_starts_no_training_and_the_one_before_is_found(tiny, tmp_path, damage, recorded):
    end = train(tiny(), tmp_path, to_epoch=2)
    path = end.checkpoint.path
    data = bytearray(path.read_bytes())
    data[_middle_of_the_largest_tensor(path)] ^= 1
    path.write_bytes({"truncated": data[: len(data) // 2], "empty": b"", "flipped": data}[damage])
    if not recorded:
        sidecar(path).unlink()
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match=r"epoch-0002\.pt"):
        train(tiny(), tmp_path, checkpoint=end.checkpoint)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before
    heard = []
    assert api.newest_checkpoint(tmp_path, log=heard.append).epoch == 1
    assert "epoch-0002.pt" in heard[0]


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fills_up_ends_the_run_and_leaves_the_epoch_before(tiny, tmp_path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def on_epoch(_):
        monkeypatch.setattr(os, call, full)

    with pytest.raises(CheckpointError, match=r"No space left on device"):
        train(tiny(), tmp_path, on_epoch=on_epoch)
    monkeypatch.undo()
    assert list(checkpoints(tmp_path)) == [1]
    assert load(tmp_path / "epoch-0001.pt").epoch == 1
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".tmp")] == []
    assert train(tiny(), tmp_path, checkpoint=api.newest_checkpoint(tmp_path)).epoch == 3


@pytest.mark.slow
def test_compiling_without_a_compiler_says_so(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"SOLVER\.COMPILE on a CPU needs a C\+\+ compiler"):
        train(tiny(SOLVER__COMPILE=True), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_compiled_training_follows_the_plain_one_and_resumes_bit_by_bit(tiny, tmp_path):
    compute = Compute.of(tiny())
    try:
        compiled(lambda: None, compute)
    except ConfigError:
        pytest.skip("no C++ compiler")
    losses = {}
    for compile_ in (False, True):
        results = []
        config = tiny(SOLVER__COMPILE=compile_, MODEL__BACKBONE__NAME="one_convolution:build")
        train(config, tmp_path / str(compile_), on_epoch=results.append, to_epoch=2)
        losses[compile_] = [one.metrics["loss"] for one in results]
    assert losses[True][0] == pytest.approx(losses[False][0], rel=1e-3)
    again = []
    start = api.CheckpointFile(tmp_path / "True" / "epoch-0001.pt", 1, "")
    train(config, tmp_path / "rest", checkpoint=start, on_epoch=again.append, to_epoch=2)
    assert again[0].metrics["loss"] == losses[True][1]
