"""The reader of recorded numbers fails on what it does not know, and on numbers that are not ours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import golden_folder
import numpy as np
import pytest
import test_golden_cases

HERE = Path(__file__).parent
CASE = "cross_entropy-2"


def unknown_file(folder):
    (folder / "heads2.npz").write_bytes(b"")


def unknown_array(folder):
    np.savez(folder / "schedules.npz", **dict(np.load(folder / "schedules.npz")), more=np.zeros(1))


def unknown_setting(folder):
    change_case(folder, lambda line: line["settings"].update(temperature=2.0))


def unknown_output(folder):
    change_case(folder, lambda line: line["outputs"].update(accuracy=line["outputs"]["loss"]))


def unknown_function(folder):
    change_case(folder, lambda line: line.update(function="hinge"))


def another_number(folder):
    values = dict(np.load(folder / "losses.npz"))
    values[f"{CASE}/loss"] = values[f"{CASE}/loss"] * (1 + 2e-6)
    np.savez(folder / "losses.npz", **values)


def change_case(folder, change):
    lines = json.loads((folder / "cases.json").read_text())
    change(next(line for line in lines if line["id"] == CASE))
    (folder / "cases.json").write_text(json.dumps(lines))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the recorded numbers, which the reader now reads."""
    copy = shutil.copytree(HERE / "data", tmp_path / "golden")
    monkeypatch.setattr(golden_folder, "FOLDER", copy)
    monkeypatch.setattr(test_golden_cases, "FOLDER", copy)
    return copy


def read(folder):
    """What `make golden` does with the folder's files, arrays and the one case."""
    test_golden_cases.test_every_file_of_the_folder_is_known()
    test_golden_cases.test_every_array_of_the_folder_belongs_to_a_case_or_a_record()
    line = next(line for line in golden_folder.record("cases.json") if line["id"] == CASE)
    test_golden_cases.test_recorded_case_is_ours_within_its_tolerance(line)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (unknown_file, "has other files"),
        (unknown_array, "more"),
        (unknown_setting, "passed over"),
        (unknown_output, "passed over"),
        (unknown_function, "nobody knows how to check hinge"),
        (another_number, "off by"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_folder_with_something_unknown_or_different_fails(damage, says, folder):
    damage(folder)
    with pytest.raises(AssertionError, match=says):
        read(folder)


def test_the_same_folder_elsewhere_passes(folder):
    read(folder)
