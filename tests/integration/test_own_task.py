"""A package outside of the tree brings a task: the example of the documentation, really installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEW = ("--set", "TASK.OPTIONS", "[pictures=12]")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the package under `site`, as pip puts it there."""
    place = tmp_path_factory.mktemp("own")
    source = shutil.copytree(
        ROOT / "docs" / "examples" / "own_task", place / "source", ignore=shutil.ignore_patterns("build", "*.egg-info")
    )
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(place / "site"), str(source)], check=True)
    return place


def ran(place: Path, *words: object, site: str = "site") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([*([str(place / site)] if site else []), str(ROOT)]),
        "REID_TUNE_HOME": str(place / "home"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }
    command = [sys.executable, "-m", "orchestrator.cli", *map(str, words)]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def told(place: Path, *words: object, site: str = "site") -> str:
    done = ran(place, *words, site=site)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def study(place):
    told(
        place, "run", "--space", "dots", "--trials", 2, "--max-epochs", 2, "--backend", "inline", "--name", "counted",
        "--no-mlflow", *FEW,
    )  # fmt: skip
    return "counted"


def test_it_is_listed_with_its_recipe_and_space(place):
    found = {one["name"]: one for one in json.loads(told(place, "tasks", "--json"))}
    dots = found["dots"]
    assert (dots["source"], dots["recipes"], dots["spaces"]) == ("dots", ["dots"], ["dots"])
    assert dots["measures"]["own"]["miscount"] == {
        "title": "mean error", "fraction": False, "lower_is_better": True,
    }  # fmt: skip
    assert "bnneck" in found["reid"]["recipes"]


def test_its_space_is_valid_and_its_recipe_is_found(place):
    assert "valid, 2 parameters" in told(place, "space", "validate", "dots")
    assert "Count dots" in told(place, "config", "ls")


def test_its_model_trains_and_is_measured_by_its_metrics(place):
    trained = told(
        place, "train", "--config", "dots", "--out", "run", "--threads", 1, "--set", "SOLVER.MAX_EPOCH", 4,
        "--set", "TEST.EVAL_PERIOD", 4, "--json",
    )  # fmt: skip
    metrics = json.loads(trained)["metrics"]
    assert metrics["exact"] > 0.35  # a guess is right in 0.25
    assert metrics["loss_count"] > 0
    words = ("evaluate", "--config", "dots", "--checkpoint", "run/epoch-0004.pt")
    assert json.loads(told(place, *words, "--json"))["metrics"]["miscount"] == metrics["miscount"]
    assert "exact count, %   mean error" in told(place, *words)


def test_a_study_is_told_by_its_metrics(place, study):
    status = json.loads(told(place, "status", study, "--json"))
    assert status["objective"] == [{"metric": "exact", "goal": "maximize"}]
    assert 0 <= status["best"]["metrics"]["exact"] <= 1
    assert status["space_model"]["constraints"] == ["miscount <= 0.5"] if "space_model" in status else True
    assert "exact count" in told(place, "status", study)
    assert "mean error" in told(place, "trial", "ls", study)


def test_a_study_opens_when_the_package_is_gone(place, study):
    with_it = told(place, "report", study, "--no-analysis")
    assert told(place, "report", study, "--no-analysis", site="") == with_it
    assert "exact count, %" in with_it
    assert told(place, "trial", "ls", study, site="") == told(place, "trial", "ls", study)
    refused = ran(place, "config", "show", "dots", site="")
    assert refused.returncode == 5


def test_a_broken_package_only_warns(place):
    broken = place / "broken"
    (broken / "rotten-1.0.dist-info").mkdir(parents=True)
    (broken / "rotten-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: rotten\nVersion: 1.0\n")
    (broken / "rotten-1.0.dist-info" / "entry_points.txt").write_text(
        "[reid_core.tasks]\nnothing = rotten:CARD\nother = rotten_too:CARD\nsame = rotten_same:CARD\n"
    )
    (broken / "rotten.py").write_text("import a_module_that_is_not_there\n")
    (broken / "rotten_too.py").write_text("CARD = 3\n")
    (broken / "rotten_same.py").write_text(
        "from reid_core.tasks.card import Measure, TaskCard\n"
        "CARD = TaskCard('reid', 'another', 'a:B', {'mAP': Measure('mAP')}, best='mAP')\n"
    )
    done = ran(place, "tasks", "--json", site="broken")
    assert done.returncode == 0, done.stderr
    names = [one["name"] for one in json.loads(done.stdout)]
    assert names[0] == "reid"
    assert len(set(names)) == len(names)
    assert "No module named 'a_module_that_is_not_there'" in done.stderr
    assert "rotten_too:CARD is no TaskCard" in done.stderr
    assert "there is one of this name" in done.stderr
    assert "valid" in told(place, "space", "validate", "bnneck", site="broken")
