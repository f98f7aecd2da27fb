"""What the doctor says of the way of images into a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from orchestrator.service.doctor.data_path import data_path, told
from reid_core import api
from reid_core.config import from_values


def rates(**changed):
    values = {"decode": 900.0, "cache": 30_000.0, "augmentation": 11_000.0, "step": 14.0} | changed
    return api.Throughput(**values, threads=2, device="cpu")


def test_on_a_cpu_the_step_is_the_bound_and_nothing_is_to_do():
    check = told(rates(), 12_936, 2)
    assert check.finding.startswith("a trial is bound by the training step: decoding 900 images/s a core")
    assert "7 s for 12,936 on 2" in check.finding
    assert (check.ok, check.advice) == (True, "")


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"augmentation": 500.0, "step": 2_000.0}, "AUTOAUG"), ({"cache": 400.0, "step": 2_000.0}, "local one")],
)
def test_a_data_path_slower_than_the_model_is_a_warning_that_says_what_to_do(changed, words):
    check = told(rates(**changed), 100, 2)
    assert check.ok
    assert words in check.advice


def test_batches_come_as_fast_as_reading_and_augmenting_one_after_the_other():
    assert rates(cache=1_000.0, augmentation=1_000.0).batches == pytest.approx(500)


def test_data_with_faults_has_no_data_path(tmp_path):
    assert list(data_path(tmp_path)) == []


@pytest.mark.slow
def test_rates_of_a_folder_are_measured_and_leave_nothing_behind(tmp_path: Path, monkeypatch):
    for pid in range(4):
        for shot in range(2):
            place = tmp_path / "photos" / str(pid) / f"{shot}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (16, 32), (pid * 60, shot * 90, 0)).save(place)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    small = {
        "DATASETS.ROOT": str(tmp_path / "photos"),
        "DATASETS.NO_CAMERAS": True,
        "MODEL.DEVICE": "cpu",
        "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
        "MODEL.BACKBONE.DEPTH": "0.1x",
        "INPUT.SIZE_TRAIN": [32, 32],
        "INPUT.SIZE_TEST": [32, 32],
    }
    found = api.measure_throughput(from_values(small), threads=1)
    assert min(found.decode, found.cache, found.augmentation, found.step) > 0
    assert found.bound == "step"
    assert not list(temporary.glob("reid-*"))
