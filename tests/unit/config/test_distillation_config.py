"""KD: what goes together, FastReID's distillers, files that must be there."""

from __future__ import annotations

import pytest

from reid_core.config import from_values, load_config, may_change_in_training, to_values
from reid_core.config.teachers import check_lessons, teacher_files
from reid_core.errors import ConfigError

TEACHER = {"KD.MODEL_WEIGHTS": ["t.pt"]}
OVERHAUL = TEACHER | {"KD.OVERHAUL.SCALE": 1.0}


@pytest.mark.parametrize(
    ("values", "code", "says"),
    [
        (TEACHER | {"KD.MODEL_CONFIG": ["a.yml", "b.yml"]}, "impossible", "KD.MODEL_CONFIG has 2 files"),
        (TEACHER | {"KD.WEIGHTS": [1.0, 2.0]}, "impossible", "2 numbers, and there are 1 teachers"),
        (TEACHER | {"KD.EMA.ENABLED": True, "KD.WEIGHTS": [1.0]}, "impossible", "there are 2 teachers"),
        (TEACHER | {"KD.WEIGHTS": [0.0]}, "out-of-range", "above 0"),
        (OVERHAUL | {"KD.OVERHAUL.LAYERS": [3, 3]}, "impossible", "a stage twice"),
        (OVERHAUL | {"KD.OVERHAUL.LAYERS": [5]}, "out-of-range", "at most 4"),
        (OVERHAUL | {"MODEL.META_ARCHITECTURE": "MGN"}, "impossible", "MGN has three"),
        (OVERHAUL | {"MODEL.BACKBONE.NAME": "build_vit_backbone"}, "impossible", "build_vit_backbone has none"),
        (OVERHAUL | {"KD.MODEL_WEIGHTS": ["t.onnx"]}, "impossible", "t.onnx does not show them"),
        (OVERHAUL | {"SOLVER.COMPILE": True}, "impossible", "SOLVER.COMPILE"),
        (
            load_config("pretraining").values | {"KD.EMA.ENABLED": True},
            "impossible",
            "pretraining runs the backbone in parts",
        ),
        ({"KD.LOGITS.NAME": "mse"}, "unknown-value", "js, kl"),
        ({"KD.CACHE": "on"}, "unknown-value", "auto, off"),
    ],
)
def test_what_does_not_go_together_is_refused(values, code, says):
    with pytest.raises(ConfigError) as error:
        from_values(values)
    (finding,) = error.value.findings
    assert finding.code == code
    assert says in str(finding)


def test_scales_without_a_teacher_distil_nothing_and_are_no_fault():
    config = from_values({"KD.OVERHAUL.SCALE": 1.0, "MODEL.META_ARCHITECTURE": "MGN"})
    assert not config.kd.enabled
    assert teacher_files(config) == ()


def test_a_teacher_without_a_term_distils_nothing():
    assert not from_values(TEACHER | {"KD.LOGITS.SCALE": 0.0}).kd.enabled
    assert from_values({"KD.EMA.ENABLED": True}).kd.enabled


@pytest.mark.parametrize("key", ["OVERHAUL.SCALE", "RELATION.ANGLE_SCALE", "EMBEDDING.SCALE"])
def test_a_term_without_a_teacher_is_refused_before_training(key):
    with pytest.raises(ConfigError, match=rf"no-teacher.*KD\.{key} is 1"):
        check_lessons(from_values({f"KD.{key}": 1.0}), alone=True)
    check_lessons(from_values({f"KD.{key}": 1.0, "KD.EMA.ENABLED": True}))


def test_a_teacher_without_a_term_is_refused_before_training_but_not_in_a_search():
    config = from_values(TEACHER | {"KD.LOGITS.SCALE": 0.0})
    with pytest.raises(ConfigError, match=r"no-lesson.*every scale of KD is 0"):
        check_lessons(config)
    check_lessons(config, alone=True)


def test_every_file_that_is_missing_is_named(tmp_path):
    (tmp_path / "there.pth").touch()
    values = {
        "KD.MODEL_WEIGHTS": [str(tmp_path / "there.pth"), str(tmp_path / "a.pt")],
        "KD.MODEL_CONFIG": [str(tmp_path / "b.yml"), ""],
    }
    with pytest.raises(ConfigError) as error:
        teacher_files(from_values(values))
    assert [finding.key for finding in error.value.findings] == ["KD.MODEL_WEIGHTS", "KD.MODEL_CONFIG"]
    assert "a.pt" in str(error.value)
    assert "b.yml" in str(error.value)


@pytest.mark.parametrize(("name", "overhaul"), [("Distiller", 0.0), ("DistillerOverhaul", 1.0)])
def test_fastreids_distillers_are_a_baseline_with_terms(tmp_path, caplog, name, overhaul):
    path = tmp_path / "kd.yml"
    path.write_text(
        f"MODEL: {{META_ARCHITECTURE: {name}, BACKBONE: {{NAME: build_resnet_backbone_distill, DEPTH: 34x}}}}\n"
        "KD: {MODEL_CONFIG: teacher/config.yaml, MODEL_WEIGHTS: teacher/best.pth}\n"
    )
    values = load_config(path).values
    assert values["MODEL.META_ARCHITECTURE"] == "Baseline"
    assert values["MODEL.BACKBONE.NAME"] == "build_resnet_backbone"
    assert values["KD.MODEL_WEIGHTS"] == ["teacher/best.pth"]
    assert values["KD.MODEL_CONFIG"] == ["teacher/config.yaml"]
    assert values["KD.LOGITS.SCALE"] == 1.0
    assert values["KD.OVERHAUL.SCALE"] == overhaul
    assert f"{name} is read as Baseline" in caplog.text


def test_a_scale_of_its_own_wins_over_what_the_distiller_means():
    config = from_values({"MODEL.META_ARCHITECTURE": "DistillerOverhaul", "KD.OVERHAUL.SCALE": 0.3})
    assert config.kd.overhaul.scale == 0.3


def test_a_fault_in_what_a_distiller_adds_is_told_at_the_distiller(tmp_path):
    path = tmp_path / "kd.yml"
    path.write_text(
        "MODEL:\n  META_ARCHITECTURE: DistillerOverhaul\n  BACKBONE: {NAME: build_vit_backbone}\n"
        "KD: {MODEL_WEIGHTS: [t.pt]}\n"
    )
    with pytest.raises(ConfigError, match=r"kd\.yml:2:22: error\[impossible\]: KD\.OVERHAUL"):
        load_config(path)


def test_fastreids_empty_texts_are_no_teachers():
    values = to_values(from_values({"KD.MODEL_CONFIG": [""], "KD.MODEL_WEIGHTS": [""]}))
    assert values["KD.MODEL_CONFIG"] == values["KD.MODEL_WEIGHTS"] == []


def test_a_population_may_change_scales_and_temperature_but_not_teachers():
    assert all(
        may_change_in_training(f"KD.{key}")
        for key in ("LOGITS.SCALE", "LOGITS.TEMPERATURE", "OVERHAUL.SCALE", "RELATION.ANGLE_SCALE", "EMBEDDING.SCALE")
    )
    assert not any(
        may_change_in_training(f"KD.{key}") for key in ("MODEL_WEIGHTS", "OVERHAUL.LAYERS", "WEIGHTS", "EMA.ENABLED")
    )
