"""Trials share a GPU as far as its memory goes."""

from __future__ import annotations

import pytest

from orchestrator.service import machine
from orchestrator.service.machine import share
from orchestrator.service.packing import MOST_TOGETHER, memory_key, together, trials_together
from search_spaces.model import Resources as Wanted


@pytest.mark.parametrize(
    ("part", "trials"), [(0.0, 1), (0.95, 1), (0.46, 1), (0.45, 2), (0.3, 3), (0.01, MOST_TOGETHER)]
)
def test_so_many_trials_share_a_gpu_as_nine_tenths_of_its_memory_hold(part, trials):
    assert together(part) == trials


def test_a_configuration_is_packed_by_its_own_measurement():
    small, large = {"INPUT.SIZE_TRAIN": [64, 32]}, {"INPUT.SIZE_TRAIN": [384, 192]}
    known = {memory_key(small): 0.2, memory_key(large): 0.8}
    assert trials_together(small, known) == 4
    assert trials_together(large, known) == 1
    assert trials_together({"INPUT.SIZE_TRAIN": [1, 1]}, known) == 1


def test_auto_takes_the_fraction_and_more_workers_and_a_number_stays(monkeypatch):
    monkeypatch.setattr(machine, "gpu_count", lambda: 2)
    monkeypatch.setattr(machine, "cores", lambda: 16)
    workers, resources = share(Wanted(), None, "ray", 2)
    assert (workers, resources.gpus, resources.cpus) == (4, 0.5, 4)
    assert share(Wanted(gpus=1.0), None, "ray", 2)[1].gpus == 1.0
    assert share(Wanted(), None, "inline", 2)[1].gpus == 1.0
    three, resources = share(Wanted(), None, "ray", 3)
    assert (three, resources.gpus) == (6, pytest.approx(1 / 3))
