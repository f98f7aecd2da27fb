"""`reid-tune distill`: what its options ask of the training, and what they refuse."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from orchestrator.cli.distill import distill_command
from orchestrator.service.distill import TERMS
from reid_core import api
from reid_core.config import load_config
from reid_core.engine.checkpoint import Checkpoint, save
from reid_core.errors import InvalidInput, NotFound, UsageError

SMALL = [("DATASETS.SYNTHETIC.IDENTITIES", 8), ("DATASETS.SYNTHETIC.TEST_IDENTITIES", 4)]
SET = [word for key, value in SMALL for word in ("--set", key, str(value))]


@pytest.fixture
def asked(monkeypatch, home):
    """What api.train was asked for, in place of training; teachers are measured in words alone."""
    calls = []

    def train(config, **options):
        calls.append((config, options))
        return api.TrainResult(1, {"mAP": 0.25, "rank1": 0.5}, None, stopped=False)

    monkeypatch.setattr(api, "train", train)
    monkeypatch.setattr(api, "evaluate", lambda *_, **__: api.Report({"mAP": 0.5, "rank1": 0.75}, "test: so", {}))
    return calls


@pytest.fixture
def teacher(tmp_path):
    """A checkpoint that was trained on all identities."""
    return saved(tmp_path / "teacher.pt", 8, api.Protocol.TEST)


def saved(path, identities, protocol):
    loaded = load_config("demo", SMALL)
    data = api.describe_data(loaded.config)
    split = data.fingerprint if protocol is api.Protocol.TEST else data.split_fingerprint
    seen = {"protocol": protocol.value, "data": data.fingerprint, "split": split}
    return str(save(Checkpoint(9, 0, identities, loaded.values, {}, None, {}, {}, **seen), path).path)


def distil(tmp_path, *words):
    return CliRunner().invoke(distill_command, ["--config", "demo", "--out", str(tmp_path / "out"), *SET, *words])


@pytest.mark.slow
def test_teacher_and_terms_reach_the_training_and_both_are_shown(asked, tmp_path, teacher):
    result = distil(tmp_path, "--teacher", teacher, "--terms", "overhaul,embedding", "--seed", "3")
    assert result.exit_code == 0, result.output
    ((config, options),) = asked
    assert config.kd.model_weights_ == (teacher,)
    assert (config.kd.logits.scale, config.kd.overhaul.scale, config.kd.embedding.scale) == (0.0, 1.0, 1.0)
    assert (options["seed"], options["protocol"]) == (3, api.Protocol.TEST)
    assert "resnet 18x, 64 x 32 pixels, 8 identities" in result.output
    table = [line.split() for line in result.output.splitlines() if line.startswith(("teacher", "student"))]
    assert [row[-2:] for row in table] == [["50.0", "75.0"], ["25.0", "50.0"]]


@pytest.mark.slow
def test_without_terms_the_configuration_says_what_is_learned_and_set_wins_over_terms(asked, tmp_path, teacher):
    distil(tmp_path, "--teacher", teacher)
    distil(tmp_path, "--teacher", teacher, "--terms", "relation", "--set", "KD.RELATION.ANGLE_SCALE", "7.0")
    (first, _), (second, _) = asked
    assert (first.kd.logits.scale, first.kd.overhaul.scale) == (1.0, 0.0)
    assert (second.kd.relation.distance_scale, second.kd.relation.angle_scale, second.kd.logits.scale) == (25, 7, 0)


def test_several_teachers_have_weights_in_their_order(asked, tmp_path, teacher):
    words = ["--teacher", teacher, "--teacher", teacher, "--teacher-weight", "2", "--teacher-weight", "1"]
    assert distil(tmp_path, *words).exit_code == 0
    assert asked[0][0].kd.weights == (2.0, 1.0)
    assert isinstance(distil(tmp_path, *words[:-2]).exception, UsageError)
    assert len(asked) == 1


@pytest.mark.slow
def test_json_has_the_student_and_its_measured_teachers(asked, tmp_path, teacher):
    told = json.loads(distil(tmp_path, "--teacher", teacher, "--json").output)
    assert told["metrics"]["mAP"] == 0.25
    (one,) = told["teachers"]
    assert (one["source"], one["metrics"]["mAP"], one["identities"]) == (teacher, 0.5, 8)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["--teacher", "gone.pt"], InvalidInput, "there is no file"),
        (["--teacher", "study:nobody"], NotFound, "nobody"),
    ],
)
def test_what_is_no_teacher_is_refused_before_any_work(asked, tmp_path, words, error, said):
    result = distil(tmp_path, *words)
    assert isinstance(result.exception, error)
    assert said in str(result.exception)
    assert asked == []


@pytest.mark.slow
def test_a_teacher_of_fewer_identities_and_one_that_has_seen_the_held_out_ones_are_refused(asked, tmp_path, teacher):
    held_out = distil(tmp_path, "--teacher", teacher, "--protocol", "validation")
    assert "on all identities" in str(held_out.exception)
    part = saved(tmp_path / "part.pt", 6, api.Protocol.VALIDATION)
    assert "only 6 identities" in str(distil(tmp_path, "--teacher", part).exception)
    assert distil(tmp_path, "--teacher", part, "--protocol", "validation").exit_code == 0
    assert len(asked) == 1


def test_nothing_to_learn_and_an_unknown_term_are_usage_errors(asked, tmp_path, teacher):
    nothing = distil(tmp_path, "--teacher", teacher, "--set", "KD.LOGITS.SCALE", "0.0")
    assert isinstance(nothing.exception, UsageError)
    unknown = distil(tmp_path, "--teacher", teacher, "--terms", "logit")
    assert unknown.exit_code == 2
    assert ", ".join(TERMS) in unknown.output
    assert asked == []
