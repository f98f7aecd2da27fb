"""`reid-tune weights inspect` and `convert`, and training that starts, or cannot start, from a file of weights."""

from __future__ import annotations

import json

import pytest

MOBILE = ("--set", "MODEL.BACKBONE.NAME", "build_mobilenetv2_backbone", "--set", "MODEL.BACKBONE.DEPTH", "0.1x")


@pytest.fixture
def weights(tmp_path):
    """A small MobileNetV2 as torch saves it, with an ImageNet classifier."""
    import torch

    from reid_core.modeling.backbones import MobileNetV2

    path = tmp_path / "mobile.pth"
    state = MobileNetV2(0.1).state_dict() | {"classifier.1.weight": torch.zeros(10, 1280)}
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    return path


def test_inspect_says_what_the_file_is(cli, weights):
    done = cli("weights", "inspect", weights)
    assert done.code == 0, done.err
    assert "MobileNetV2, 17 blocks" in done.out
    assert "below state_dict / module." in done.out
    assert "Fits" not in done.out


def test_inspect_with_a_configuration_says_what_it_takes(cli, weights):
    done = cli("weights", "inspect", weights, "--config", "bnneck", *MOBILE)
    assert done.code == 0, done.err
    assert "Fits        as MODEL.BACKBONE.PRETRAIN_PATH: 312 tensors are taken" in done.out
    assert "Unexpected  1: classifier.1.weight" in done.out


def test_inspect_as_json_carries_everything(cli, weights):
    done = cli("weights", "inspect", weights, "--config", "bnneck", *MOBILE, "--json")
    found = json.loads(done.out)
    assert (done.code, found["architecture"], found["source"]) == (0, "MobileNetV2, 17 blocks", "FastReID")
    assert found["wrappers"] == ["state_dict", "module."]
    assert found["fit"]["unexpected"] == ["classifier.1.weight"]
    assert (found["fit"]["fits"], found["fit"]["missing"], len(found["sha256"])) == (True, [], 64)


def test_inspect_of_a_file_for_another_network_fails_with_the_reason(cli, weights):
    done = cli("weights", "inspect", weights, "--config", "bnneck")
    assert done.code == 1
    assert "Does not fit as MODEL.BACKBONE.PRETRAIN_PATH" in done.out
    assert "it seems to be MobileNetV2" in done.out
    found = json.loads(cli("weights", "inspect", weights, "--config", "bnneck", "--json").out)
    assert found["fit"]["fits"] is False


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [(None, 5, "there is no file"), (b"<html>", 1, "cannot be read as weights")],
    ids=["absent", "no-weights"],
)
def test_inspect_of_no_weights(cli, tmp_path, content, code, says):
    path = tmp_path / "x.pth"
    if content is not None:
        path.write_bytes(content)
    done = cli("weights", "inspect", path)
    assert (done.code, says in done.err) == (code, True)


def test_settings_need_a_configuration(cli, weights):
    done = cli("weights", "inspect", weights, *MOBILE)
    assert (done.code, "name one with --config" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("MODEL.BACKBONE.PRETRAIN", "true"), "error[no-weights]: MODEL.BACKBONE.PRETRAIN is true"),
        (("MODEL.BACKBONE.PRETRAIN_PATH", "gone.pth"), "error[missing-file]: MODEL.BACKBONE.PRETRAIN_PATH"),
        (("MODEL.WEIGHTS", "gone.pth"), "error[missing-file]: MODEL.WEIGHTS"),
    ],
)
def test_wanted_weights_that_are_not_there_stop_before_any_work(cli, home, space, tmp_path, settings, says):
    out = tmp_path / "out"
    done = cli("train", "--config", "demo", "--out", out, "--set", *settings)
    assert (done.code, says in done.err, out.exists()) == (3, True, False)
    done = cli("run", "--space", space, "--trials", 1, "--backend", "inline", "--set", *settings)
    assert (done.code, says in done.err) == (3, True)
    assert not list(home.rglob("*.npy"))  # no image was decoded


def test_a_converted_model_is_measured_and_exported_and_a_foreign_one_says_how(cli, tmp_path):
    import torch

    from reid_core.config import load_config
    from reid_core.modeling import build_model

    changes = {
        "INPUT.SIZE_TEST": "[64,32]",
        "DATASETS.SYNTHETIC.TEST_IDENTITIES": "4",
        "DATASETS.SYNTHETIC.IDENTITIES": "8",
        "DATASETS.SYNTHETIC.IMAGES": "2",
    }
    settings = [*MOBILE, *(word for pair in changes.items() for word in ("--set", *pair))]
    mobile = {"MODEL.BACKBONE.NAME": MOBILE[2], "MODEL.BACKBONE.DEPTH": MOBILE[5]}
    theirs = tmp_path / "zoo.pth"
    model = build_model(load_config("bnneck", mobile).config, 751, pretrained=False)
    torch.save({"model": model.state_dict()}, theirs)
    ours = tmp_path / "ours.pt"

    refused = cli("evaluate", "--config", "bnneck", "--checkpoint", theirs, *settings)
    assert (refused.code, "weights convert" in refused.err) == (1, True)
    made = cli("weights", "convert", theirs, "--config", "bnneck", *settings, "--out", ours)
    assert (made.code, "tensors taken" in made.out) == (0, True), made.err
    measured = cli("evaluate", "--config", "bnneck", "--checkpoint", ours, *settings, "--json")
    assert measured.code == 0, measured.err
    assert 0 < json.loads(measured.out)["metrics"]["mAP"] <= 1
    written = cli("export", "onnx", ours, "--out", tmp_path / "ours.onnx", "--json")
    assert written.code == 0, written.err
    card = cli("export", "card", tmp_path / "ours.onnx", "--json")
    assert card.code == 0, card.err
