"""A real study with two objectives on the command line: one latency a trial, the front is shown and used."""

from __future__ import annotations

import json
import sys

import pytest
from cli_space import RUN
from trials.spaces import TINY

pytestmark = pytest.mark.slow

SPACE = (
    """\
name: two
recipe: demo
resources: {cpus: 1, gpus: 0}
budget: {max_epochs: 2, min_epochs: 1, eta: 2, trials: 3}
objective: [mAP, latency_ms]
constraints:
  - latency_ms <= 100000
"""
    + TINY.replace("  INPUT.SIZE_TEST: [32, 32]\n", "")
    + """\
parameters:
  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}
  INPUT.SIZE_TEST: {type: choice, values: [[32, 32], [96, 96]], prior: [96, 96], ordered: true}
"""
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    from orchestrator.cli.main import main

    home = tmp_path_factory.mktemp("two")
    file = home / "two.yaml"
    file.write_text(SPACE)
    with (home / "events.jsonl").open("w") as events, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REID_TUNE_HOME", str(home))
        patch.setattr(sys, "stdout", events)
        with pytest.raises(SystemExit) as stopped:
            main([*RUN, "--space", str(file), "--name", "two", "--algorithm", "freeze-thaw"])
    assert stopped.value.code == 0
    return home


@pytest.fixture
def two(home, monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", str(home))
    return home


def test_each_trial_reports_one_latency_in_every_epoch(two):
    events = [json.loads(line) for line in (two / "events.jsonl").read_text().splitlines()]
    reports = [event for event in events if event["kind"] == "epoch_reported"]
    by_trial = {}
    for report in reports:
        by_trial.setdefault(report["trial"], []).append(report["metrics"]["latency_ms"])
    assert max(map(len, by_trial.values())) == 2
    assert all(len(set(values)) == 1 and values[0] > 0 for values in by_trial.values())


def test_status_best_and_report_tell_the_front(cli, two):
    status = json.loads(cli("status", "two", "--json").out)
    assert status["front"]
    assert 0 <= status["hypervolume"] <= 1
    assert status["constraints"] == ["latency_ms <= 100000"]
    assert f"front of mAP and latency_ms: {len(status['front'])} result" in cli("status", "two").out
    assert "satisfied by the best: latency_ms <= 100000" in cli("status", "two").out
    assert "latency, ms" in cli("best", "two").out
    assert "latency, ms" in cli("report", "two", "--format", "md").out
    report = json.loads(cli("report", "two", "--json").out)
    assert set(report["front"]) == {one["trial"] for one in status["front"]}


def test_the_fastest_of_the_front_is_picked_and_retrained(cli, two):
    front = json.loads(cli("status", "two", "--json").out)["front"]
    fastest = min(front, key=lambda one: one["metrics"]["latency_ms"])
    assert json.loads(cli("best", "two", "--pick", "latency_ms", "--json").out)["id"] == fastest["trial"]
    done = cli("best", "two", "--pick", "latency_ms", "--retrain", "--epochs", "1", "--json")
    (trained,) = json.loads(done.out)
    assert trained["trial"] == fastest["trial"]
    assert f"trial-{fastest['trial']:04d}" in trained["checkpoint"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--pick", "rank1"], "not an objective"),
        (["--trial", "99"], "no trial 99"),
        (["--pick", "mAP", "--trial", "1"], "give one"),
    ],
)
def test_what_cannot_be_chosen_is_refused(cli, two, words, says):
    done = cli("best", "two", *words)
    assert done.code in {2, 5}
    assert says in done.err


def test_cost_of_a_recipe(cli):
    found = json.loads(cli("config", "cost", "demo", "--threads", "1", "--json").out)
    assert found["parameters"] == 11_177_536
    assert found["latency_ms"] > 0
    assert "11.18 M" in cli("config", "cost", "demo", "--threads", "1", "--batch", "4").out
