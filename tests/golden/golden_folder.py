"""A folder of recorded numbers: its cases, arrays and records, each read at most once and none left unread.

The format is described in the README of tests/golden/data. REID_GOLDEN names another folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(os.environ.get("REID_GOLDEN") or Path(__file__).parent / "data")
FILES = {
    "README.md",
    "cases.json",
    "configs.json",
    "evaluation.npz",
    "fill.py",
    "heads.npz",
    "losses.npz",
    "models.json",
    "models.npz",
    "schedules.npz",
    "seed.json",
    "training.json",
    "training.npz",
}
ARRAYS = {name for name in FILES if name.endswith(".npz")}


def record(name):
    """What a JSON file of the folder says."""
    return json.loads((FOLDER / name).read_text())


def arrays(name):
    """Every array of an .npz file of the folder."""
    with np.load(FOLDER / name, allow_pickle=False) as file:
        return {key: file[key] for key in file}


def fill():
    """The folder's own module of deterministic contents."""
    spec = importlib.util.spec_from_file_location("golden_fill", FOLDER / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_close(got, want, rtol, name=""):
    """The folder's tolerance: max|got - want| <= rtol * max|want|, of equal shapes."""
    got = got.detach().cpu().numpy() if isinstance(got, torch.Tensor) else np.asarray(got)
    want = np.asarray(want)
    assert got.shape == want.shape, name
    if want.size:
        worst = np.abs(got - want).max()
        assert worst <= rtol * np.abs(want).max(), (
            f"{name} off by {worst:g} where {np.abs(want).max():g} is the largest"
        )


@dataclass
class Case:
    """One line of cases.json. What is asked for is noted, so that a check cannot pass over a setting or an array."""

    line: dict
    _asked: set = field(default_factory=set)

    @cached_property
    def _file(self):
        return arrays(self.line["file"])

    def setting(self, name, *default):
        self._asked.add(("settings", name))
        return self.line["settings"].get(name, *default) if default else self.line["settings"][name]

    def array(self, name):
        self._asked.add(("inputs", name))
        return self._file[self.line["inputs"][name]]

    def tensor(self, name, *, grad=False):
        value = torch.from_numpy(self.array(name).copy())
        return value.requires_grad_() if grad else value

    def check(self, **got):
        """Each output by name against what was recorded."""
        for name, value in got.items():
            self._asked.add(("outputs", name))
            assert_close(value, self._file[self.line["outputs"][name]], self.line["rtol"])

    def left(self):
        """What the case has that nobody asked for."""
        has = {(part, name) for part in ("settings", "inputs", "outputs") for name in self.line[part]}
        unknown = set(self.line) - {"id", "function", "settings", "inputs", "outputs", "rtol", "source", "file"}
        return (has - self._asked) | {("line", name) for name in unknown}
