"""Options of `reid-tune train` that become configuration keys, and those that do not make sense."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from orchestrator.cli.engine import train_command
from reid_core import api
from reid_core.engine.checkpoint import Checkpoint, save
from reid_core.engine.retention import path_of
from reid_core.errors import Conflict


@pytest.fixture
def asked(monkeypatch):
    """What api.train was asked for, in place of training."""
    calls = []

    def train(config, **options):
        calls.append((config, options))
        return api.TrainResult(1, {}, None, stopped=False)

    monkeypatch.setattr(api, "train", train)
    return calls


def test_the_rule_for_the_batch_size_and_the_processes_reach_the_training(asked, tmp_path):
    words = ["--config", "demo", "--out", str(tmp_path), "--processes", "2", "--lr-scale-rule", "linear"]
    words += ["--lr-scale-batch", "16", "--set", "SOLVER.IMS_PER_BATCH", "32", "--threads", "2"]
    result = CliRunner().invoke(train_command, words)
    assert result.exit_code == 0, result.output
    ((config, options),) = asked
    assert config.solver.scaled_lr == 2 * config.solver.base_lr
    assert (options["processes"], options["threads"]) == (2, 2)
    assert "--set SOLVER.LR_SCALE_RULE linear" in result.output


@pytest.mark.parametrize("rule", [[], ["--lr-scale-rule", "none"]])
def test_a_batch_size_to_scale_from_needs_a_rule(asked, tmp_path, rule):
    words = ["--config", "demo", "--out", str(tmp_path), "--lr-scale-batch", "16", *rule]
    result = CliRunner().invoke(train_command, words)
    assert result.exit_code == 2
    assert "--lr-scale-rule" in result.output
    assert asked == []


def test_the_options_that_errors_about_data_name_are_options_here_too(asked, tmp_path):
    words = ["--config", "demo", "--out", str(tmp_path), "--no-cameras", "--skip-bad-images"]
    result = CliRunner().invoke(train_command, words)
    assert result.exit_code == 0, result.output
    ((config, _),) = asked
    assert (config.datasets.no_cameras, config.datasets.corrupt) == (True, "skip")


@pytest.mark.parametrize(("protocol", "said"), [("validation", True), ("test", False)])
def test_the_evaluation_it_suggests_is_under_the_protocol_of_the_training(asked, tmp_path, protocol, said):
    words = ["--config", "demo", "--out", str(tmp_path), "--protocol", protocol]
    result = CliRunner().invoke(train_command, words)
    assert ("--protocol validation" in result.output) is said
    assert len(asked) == 1


def test_a_batch_size_to_scale_from_goes_with_the_configurations_own_rule(asked, tmp_path):
    words = ["--config", "demo", "--out", str(tmp_path), "--lr-scale-batch", "16"]
    words += ["--set", "SOLVER.LR_SCALE_RULE", "linear", "--set", "SOLVER.IMS_PER_BATCH", "32"]
    result = CliRunner().invoke(train_command, words)
    assert result.exit_code == 0, result.output
    assert asked[0][0].solver.scaled_lr == 2 * asked[0][0].solver.base_lr


def test_a_folder_that_holds_a_training_is_not_trained_into_again_unless_to_continue(asked, tmp_path):
    save(Checkpoint(36, 0, 2, {}, {}, None, {}, {}), path_of(tmp_path, 36))
    words = ["--config", "demo", "--out", str(tmp_path)]
    refused = CliRunner().invoke(train_command, words)
    assert isinstance(refused.exception, Conflict)
    assert "holds a training of 36 epochs" in str(refused.exception)
    assert asked == []
    CliRunner().invoke(train_command, [*words, "--resume"])
    assert asked[0][1]["checkpoint"].epoch == 36


def test_resume_says_that_there_is_nothing_to_continue(asked, tmp_path):
    result = CliRunner().invoke(train_command, ["--config", "demo", "--out", str(tmp_path / "typo"), "--resume"])
    assert "no checkpoint in" in result.output
    assert asked[0][1]["checkpoint"] is None
