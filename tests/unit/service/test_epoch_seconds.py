"""What an epoch costs: measured side by side, remembered, measured again when the memory is damaged."""

import pytest

from orchestrator.service import plan_view
from orchestrator.service.home import Home
from orchestrator.service.makespan import Costs


@pytest.fixture
def profiler(monkeypatch):
    calls = []

    def profile(base, threads):
        calls.append(threads)
        return Costs(2.0 + len(calls), 0.5 * len(calls), 5.0)

    monkeypatch.setattr(plan_view, "_profile", profile)
    monkeypatch.setattr(plan_view, "cores", lambda: 2)
    monkeypatch.setattr(plan_view, "gpu_count", lambda: 0)
    return calls


def test_slowest_of_the_copies_counts_and_is_remembered(tmp_path, profiler):
    home = Home(tmp_path)
    assert plan_view.epoch_seconds({}, 1, 2, home, measure=True) == 4.0
    assert plan_view.epoch_seconds({}, 1, 2, home, measure=False) == 4.0
    assert len(profiler) == 2
    assert plan_view.epoch_seconds({}, 1, 1, home, measure=False) is None


def test_no_more_copies_run_than_the_machine_has_cores(tmp_path, profiler):
    plan_view.epoch_seconds({}, 1, 64, Home(tmp_path), measure=True)
    assert len(profiler) == 2


def test_a_damaged_memory_is_measured_anew(tmp_path, profiler):
    home = Home(tmp_path)
    home.profiles.write_text('{"half')
    assert plan_view.epoch_seconds({}, 1, 1, home, measure=True) == 3.0
    assert plan_view.epoch_seconds({}, 1, 1, home, measure=False) == 3.0


def test_a_copy_that_fails_leaves_the_time_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_view, "_profile", lambda _base, _threads: None)
    assert plan_view.epoch_seconds({}, 1, 2, Home(tmp_path), measure=True) is None
