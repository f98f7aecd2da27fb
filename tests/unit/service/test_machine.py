"""Cores of a container, and how many threads a computation gets."""

from __future__ import annotations

import pytest

from orchestrator.service import machine
from orchestrator.service.doctor.machine import processors


@pytest.fixture
def bound(monkeypatch, tmp_path):
    """A machine of 64 cores, and the folder of its control group."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 64),
        ({"cpu.max": "max 100000\n"}, 64),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "6500000 100000\n"}, 64),
        ({"cpu.max": "torn"}, 64),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 64),
    ],
)
def test_a_container_has_the_cores_that_its_quota_fills(bound, files, cores):
    for name, text in files.items():
        (bound / name).parent.mkdir(exist_ok=True)
        (bound / name).write_text(text)
    assert machine.cores() == machine.default_threads() == cores


def test_the_doctor_tells_of_a_quota_and_warns_of_less_than_a_core(bound):
    (bound / "cpu.max").write_text("200000 100000\n")
    assert processors().finding.startswith("2 cores (the container's quota is 2)")
    assert not processors().advice
    (bound / "cpu.max").write_text("50000 100000\n")
    assert "whole core" in processors().advice


@pytest.mark.parametrize(("said", "threads"), [("3", 3), ("4,2", 4), ("", 64), ("0", 64), ("many", 64), ("100", 100)])
def test_a_computation_takes_the_threads_that_openmp_is_told(bound, monkeypatch, said, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert machine.default_threads() == threads
