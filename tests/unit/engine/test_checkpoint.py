from __future__ import annotations

import errno
import hashlib
import os
import pickle
import zipfile
from dataclasses import replace

import pytest
import torch

from reid_core.engine import checkpoint as module
from reid_core.engine.checkpoint import Checkpoint, load, save, sidecar
from reid_core.errors import CheckpointError


def example(epoch=3, fill=1.0):
    parameter = torch.nn.Parameter(torch.full((4, 5), fill))
    optimizer = torch.optim.Adam([parameter])
    parameter.grad = torch.ones(4, 5)
    optimizer.step()
    return Checkpoint(
        epoch=epoch,
        seed=7,
        identities=4,
        values={"SOLVER.BASE_LR": 3.5e-4, "INPUT.SIZE_TRAIN": [64, 32], "MODEL.WEIGHTS": ""},
        metrics={"loss": 0.5},
        best=(2, 0.25),
        model={"weight": parameter.detach().clone()},
        parts={"optimizer": optimizer.state_dict()},
    )


@pytest.mark.slow
def test_what_is_saved_is_loaded(tmp_path):
    saved = example()
    file = save(saved, tmp_path / "new" / "epoch-0003.pt")
    loaded = load(file.path, sha256=file.sha256)
    for name in ("epoch", "seed", "identities", "values", "metrics", "best"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert torch.equal(loaded.model["weight"], saved.model["weight"])
    moments = loaded.parts["optimizer"]["state"][0]
    assert torch.equal(moments["exp_avg"], saved.parts["optimizer"]["state"][0]["exp_avg"])
    assert file.epoch == 3


@pytest.mark.slow
def test_the_sum_is_that_of_the_file_and_stands_beside_it(tmp_path):
    file = save(example(), tmp_path / "a.pt")
    assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert sidecar(file.path).read_text() == f"{file.sha256}  a.pt\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pt", "a.pt.sha256"]


@pytest.mark.slow
def test_anyone_can_read_the_weights_without_unpickling_code(tmp_path):
    file = save(example(), tmp_path / "a.pt")
    assert "weight" in torch.load(file.path, weights_only=True)["model"]


def test_what_was_trained_here_tells_the_versions_that_trained_it(tmp_path):
    trained = replace(example(), protocol="test", data="d", split="s")
    path = save(trained, tmp_path / "a.pt").path
    plain = torch.load(path, weights_only=True)["versions"]
    assert plain == load(path).versions
    assert plain["torch"] == torch.__version__
    assert {"python", "numpy", "reid-tune"} <= set(plain)
    assert {type(one) for one in plain.values()} == {str}
    given = replace(trained, versions={"torch": "2.4.0"})
    assert load(save(given, path).path).versions == {"torch": "2.4.0"}
    assert load(save(example(), path).path).versions == {}, "weights of other tools were not trained here"


@pytest.mark.slow
def test_a_checkpoint_older_than_the_versions_is_read(tmp_path):
    path = save(replace(example(), protocol="test"), tmp_path / "a.pt").path
    content = torch.load(path, weights_only=True)
    del content["versions"]
    torch.save(content, path)
    sidecar(path).unlink()
    assert (load(path).epoch, load(path).versions) == (3, {})


def test_saving_again_replaces_it(tmp_path):
    save(example(epoch=1), tmp_path / "a.pt")
    save(example(epoch=2), tmp_path / "a.pt")
    assert load(tmp_path / "a.pt").epoch == 2


@pytest.mark.parametrize("keep_sum", [True, False], ids=["with-sum", "without-sum"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_torn_file_is_refused(tmp_path, damage, keep_sum):
    path = save(example(), tmp_path / "a.pt").path
    data = bytearray(path.read_bytes())
    if damage == "flip":
        with zipfile.ZipFile(path) as archive:
            stored = next(info for info in archive.infolist() if info.filename.endswith("data/0"))
        data[stored.header_offset + 30 + len(stored.filename) + 70] ^= 1
    path.write_bytes({"cut": data[: len(data) // 2], "flip": data, "empty": b""}[damage])
    if not keep_sum:
        sidecar(path).unlink()
    with pytest.raises(CheckpointError, match=r"torn|is not a checkpoint"):
        load(path)


def test_a_file_other_than_the_recorded_one_is_refused(tmp_path):
    old = save(example(epoch=1), tmp_path / "a.pt")
    save(example(epoch=2), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="SHA-256 is not the recorded one"):
        load(old.path, sha256=old.sha256)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no checkpoint .*a\.pt"):
        load(tmp_path / "a.pt")


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("bomb-went-off",))


def test_foreign_files_are_refused_and_nothing_in_them_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"features.0.weight": torch.ones(1)}, tmp_path / "weights.pt")
    torch.save({"kind": "reid-tune checkpoint", "x": Bomb()}, tmp_path / "bomb.pt")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "text.pt").write_text("no checkpoint")
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as archive:
        archive.writestr("readme", "no checkpoint")
    for name in ("weights", "bomb", "pickle", "text", "zip"):
        with pytest.raises(CheckpointError, match=rf"{name}\.pt is not a checkpoint of reid-tune"):
            load(tmp_path / f"{name}.pt")
    assert not (tmp_path / "bomb-went-off").exists()


def test_a_newer_format_is_named(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module, "_FORMAT", 99)
        save(example(), tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="has format 99"):
        load(tmp_path / "a.pt")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_checkpoint_and_no_half_file(tmp_path, monkeypatch, call):
    save(example(epoch=1), tmp_path / "a.pt")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        if call == "fsync":  # removing the old sum flushes the folder too; let the file itself be what does not fit
            patch.setattr(module.durable, "_flush_folder", lambda _: None)
        with pytest.raises(CheckpointError, match=r"cannot write the checkpoint .*No space left on device"):
            save(example(epoch=2), tmp_path / "a.pt")
    assert load(tmp_path / "a.pt").epoch == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_kill_between_file_and_sum_leaves_a_checkpoint_that_verifies_itself(tmp_path):
    file = save(example(), tmp_path / "a.pt")
    sidecar(file.path).unlink()
    assert load(file.path).epoch == 3
    assert load(file.path, sha256=file.sha256).epoch == 3
