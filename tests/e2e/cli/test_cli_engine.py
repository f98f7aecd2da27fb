"""`train`, `evaluate`, `config` and `best --retrain`: the engine from the command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest


@pytest.fixture
def recipe(cli, finished, tmp_path) -> Path:
    """The finished study's default configuration as a file."""
    file = tmp_path / "tiny.yaml"
    assert cli("export-config", "tiny", "--trial", 1, "--out", file).code == 0
    return file


def test_train_resume_and_evaluate_agree(cli, recipe, tmp_path):
    out = tmp_path / "out"
    first = cli("train", "--config", recipe, "--out", out, "--threads", 1)
    assert first.code == 0, first.err
    assert "epoch   2/2" in first.out
    command = next(line for line in first.out.splitlines() if line.startswith("Evaluate")).split()[2:]
    measured = cli(*command, "--threads", 1, "--json")
    assert measured.code == 0, measured.err
    report = json.loads(measured.out)
    assert report["counts"]["queries"] == 8
    assert "test" in report["protocol"]

    again = cli("train", "--config", recipe, "--out", out, "--threads", 1, "--resume", "--json")
    result = json.loads(again.out)
    assert (result["epoch"], result["checkpoint"]) == (2, str(out / "epoch-0002.pt"))
    assert result["metrics"]["mAP"] == pytest.approx(report["metrics"]["mAP"])
    table = cli(*command, "--threads", 1).out
    assert f"{100 * report['metrics']['mAP']:.1f}" in table
    assert report["protocol"] in table


def test_retrain_measures_winner_and_default_on_the_test_split(cli, finished):
    done = cli("best", "tiny", "--retrain", "--baseline", "--threads", 1, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [one["which"] for one in found] == ["default", "winner"]
    assert all(0 <= one["metrics"]["mAP"] <= 1 and one["epochs"] == 4 for one in found)
    assert Path(found[1]["checkpoint"]).exists()


def test_evaluate_without_or_with_a_foreign_checkpoint(cli, recipe, tmp_path):
    missing = cli("evaluate", "--config", recipe, "--checkpoint", tmp_path / "no.pt")
    assert missing.code == 5
    assert f"there is no checkpoint {tmp_path}/no.pt" in missing.err
    foreign = cli("evaluate", "--config", recipe, "--checkpoint", recipe)
    assert foreign.code == 1
    assert "is not a checkpoint of reid-tune" in foreign.err


def test_train_refuses_a_missing_folder_and_a_wrong_key(cli, tmp_path):
    done = cli("train", "--config", "demo", "--data", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert done.code == 3
    assert "error[missing-folder]" in done.err
    done = cli("train", "--config", "demo", "--set", "SOLVER.BASELR", 1, "--out", tmp_path / "out")
    assert done.code == 3
    assert "did you mean SOLVER.BASE_LR?" in done.err
    assert not (tmp_path / "out").exists()


def test_unknown_recipe_and_unknown_key_prefix(cli):
    done = cli("config", "show", "bnnek")
    assert (done.code, "did you mean bnneck?" in done.err) == (5, True)
    done = cli("config", "show", "bnneck", "SLOVER")
    assert (done.code, "did you mean SOLVER?" in done.err) == (5, True)


def test_demo_is_the_run_of_the_built_in_data(cli, home):
    done = cli("demo", "--trials", 0)
    assert (done.code, done.err) == (2, "--trials is 0\n  hint: give 1 or more\n")


def test_the_printed_evaluate_command_describes_the_trained_model(cli, recipe, tmp_path):
    done = cli(
        "train", "--config", recipe, "--out", tmp_path / "out", "--threads", 1, "--set", "MODEL.HEADS.EMBEDDING_DIM", 16
    )
    words = shlex.split(done.out.split("Evaluate")[1].strip().splitlines()[0])
    assert words[0] == "reid-tune"
    again = cli(*words[1:], "--threads", 1)
    assert again.code == 0, again.err
