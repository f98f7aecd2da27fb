"""Files of strangers in torch's own formats: what would run as code is refused before it does."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from reid_core.embedder import open_embedder
from reid_core.errors import CheckpointError
from reid_core.export.card import METADATA_KEY, ModelCard
from reid_core.export.foreign_code import only_numbers

CARD = ModelCard(kind="torchscript", network="stranger", size=(8, 4), dim=3)


class Bomb:
    """An object that makes a file when it is read back."""

    def __init__(self, mark: Path) -> None:
        self._mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self._mark,)


class Mean(torch.nn.Module):
    """Images to the mean of each channel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean((2, 3))


class Writer(torch.nn.Module):
    """A network that writes a file."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.from_file("mark", shared=True, size=8) + images.float().mean()


def program(path, **more):
    """A program of ours, with members put over or beside its own."""
    made = torch.export.export(Mean(), (torch.zeros(2, 3, 8, 4, dtype=torch.uint8),))
    plain = io.BytesIO()
    torch.export.save(made, plain, extra_files={METADATA_KEY: CARD.text()})
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        top = old.namelist()[0].partition("/")[0]
        for name in old.namelist():
            last = name.rpartition("/")[2]
            new.writestr(name, more.pop(last, None) or old.read(name))
        for name, content in more.items():
            new.writestr(f"{top}/data/constants/{name}", content)
    return path


@pytest.mark.slow
def test_program_with_a_pickled_object_is_refused_before_it_is_read(tmp_path):
    path = program(tmp_path / "model.pt2", opaque_obj_0=pickle.dumps(Bomb(tmp_path / "mark")))
    with pytest.raises(CheckpointError, match="would run as code"):
        open_embedder(path)
    assert not (tmp_path / "mark").exists()


@pytest.mark.slow
def test_program_whose_example_is_a_pickle_runs_nothing(tmp_path):
    packed = io.BytesIO()
    torch.save((Bomb(tmp_path / "mark"),), packed)
    path = program(tmp_path / "model.pt2", **{"model.pt": packed.getvalue()})
    with pytest.raises(CheckpointError):
        open_embedder(path)
    assert not (tmp_path / "mark").exists()


def test_only_numbers_holds_against_who_asks_for_more(tmp_path):
    packed = io.BytesIO()
    torch.save(Bomb(tmp_path / "mark"), packed)
    packed.seek(0)
    with only_numbers(), pytest.raises(pickle.UnpicklingError):
        torch.load(packed, weights_only=False)
    assert not (tmp_path / "mark").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_script_that_touches_files_is_refused(tmp_path):
    path = tmp_path / "model.ts"
    torch.jit.save(torch.jit.script(Writer()), str(path), _extra_files={METADATA_KEY: CARD.text()})
    with pytest.raises(CheckpointError, match="from_file"):
        open_embedder(path)
