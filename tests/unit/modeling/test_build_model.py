from __future__ import annotations

import logging

import pytest
import torch

from reid_core.config.convert import tree_of
from reid_core.errors import ConfigError
from reid_core.modeling import HeadOutputs, build_model

TINY = {
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "MODEL.BACKBONE.FEAT_DIM": 1280,
}


def tiny(**changes):
    return tree_of(TINY | {key.replace("__", "."): value for key, value in changes.items()})


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model(tiny(MODEL__HEADS__WITH_BNNECK=True), 5)


@pytest.fixture
def images():
    return torch.randint(0, 256, (2, 3, 64, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_training_returns_head_outputs_and_evaluation_embeddings(model, images):
    outputs = model(images, torch.tensor([0, 1]))[""]
    assert isinstance(outputs, HeadOutputs)
    assert (outputs.features.shape, outputs.logits.shape) == ((2, model.metric_dim), (2, model.num_classes))
    assert model.eval()(images).shape == (2, model.embedding_dim)


def test_bytes_and_floats_of_0_to_255_give_the_same_embedding(model, images):
    model.eval()
    torch.testing.assert_close(model.embed(images), model.embed(images.float()), rtol=0, atol=0)


def test_images_are_normalised_by_mean_and_deviation_of_the_configuration(images):
    model = build_model(tiny(MODEL__PIXEL_MEAN=[1.0, 2.0, 3.0], MODEL__PIXEL_STD=[4.0, 5.0, 6.0]), 5)
    expected = torch.stack([(images[:, c].float() - (c + 1)) / (c + 4) for c in range(3)], dim=1)
    torch.testing.assert_close(model.normalise(images), expected)


def test_mean_and_deviation_are_no_part_of_the_state_dict(model):
    assert not [key for key in model.state_dict() if key.startswith("pixel")]


def test_asking_for_the_outputs_of_the_other_mode_is_refused(model, images):
    with pytest.raises(TypeError, match="evaluation mode"):
        model.embed(images)
    with pytest.raises(TypeError, match="training mode"):
        model.eval().outputs(images)


def test_depth_of_another_family_left_at_its_default_means_the_standard_size():
    model = build_model(tree_of({"MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone"}), 5)
    assert model.backbone.features[0][0].out_channels == 32


def test_width_that_the_backbone_does_not_have_is_replaced_and_said(caplog):
    with caplog.at_level(logging.INFO, logger="reid_core.modeling.build"):
        model = build_model(tiny(MODEL__BACKBONE__FEAT_DIM=2048), 5)
    assert model.metric_dim == 1280
    assert "FEAT_DIM 2048 is not used" in caplog.text


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("MODEL.BACKBONE.NAME", "build_resnet_bakbone", "did you mean build_resnet_backbone?"),
        ("MODEL.BACKBONE.DEPTH", "0.35", "did you mean 0.35x?"),
        ("MODEL.BACKBONE.NORM", "BM", "BN"),
        ("MODEL.HEADS.NAME", "EmbedingHead", "did you mean EmbeddingHead?"),
        ("MODEL.HEADS.POOL_LAYER", "GlobalAvgPol", "did you mean GlobalAvgPool?"),
        ("MODEL.HEADS.NECK_FEAT", "behind", "before"),
        ("MODEL.HEADS.CLS_LAYER", "Liner", "did you mean Linear?"),
        ("MODEL.META_ARCHITECTURE", "Basline", "did you mean Baseline?"),
    ],
)
def test_unknown_name_is_refused_with_its_key_and_the_nearest(key, value, says):
    with pytest.raises(ConfigError) as caught:
        build_model(tree_of(TINY | {key: value}), 5)
    (finding,) = caught.value.findings
    assert (finding.code, finding.key) == ("unknown-name", key)
    assert says in finding.hint


def test_pretraining_without_a_file_is_refused():
    with pytest.raises(ConfigError) as caught:
        build_model(tiny(MODEL__BACKBONE__PRETRAIN=True), 5)
    assert caught.value.findings[0].code == "no-weights"


@pytest.mark.parametrize("pretrain", [False, True])
def test_given_path_is_loaded_whatever_pretrain_says(tmp_path, pretrain):
    path = tmp_path / "weights.pth"
    donor = build_model(tiny(), 5).backbone
    torch.save(donor.state_dict(), path)
    config = tiny(MODEL__BACKBONE__PRETRAIN=pretrain, MODEL__BACKBONE__PRETRAIN_PATH=str(path))
    loaded = build_model(config, 5).backbone.state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in donor.state_dict().items())


def test_model_for_a_checkpoint_needs_no_pretrained_file():
    config = tiny(MODEL__BACKBONE__PRETRAIN_PATH="/nowhere/weights.pth")
    assert build_model(config, 5, pretrained=False).num_classes == 5


def test_fewer_classes_configured_than_identities_is_refused():
    assert build_model(tiny(MODEL__HEADS__NUM_CLASSES=9), 5).num_classes == 9
    with pytest.raises(ConfigError, match="NUM_CLASSES is 4, but there are 5"):
        build_model(tiny(MODEL__HEADS__NUM_CLASSES=4), 5)
