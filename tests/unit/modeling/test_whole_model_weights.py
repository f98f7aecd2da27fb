"""Whole models of FastReID's two generations, Bag of Tricks and our own checkpoints, into one model."""

from __future__ import annotations

import pytest
import torch

from reid_core.config.convert import tree_of
from reid_core.errors import CheckpointError
from reid_core.modeling import build_model
from reid_core.modeling.weights import load_model, load_model_state, load_pretrained

R18 = {"MODEL.BACKBONE.DEPTH": "18x", "MODEL.BACKBONE.FEAT_DIM": 512, "MODEL.HEADS.WITH_BNNECK": True}
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

# Names of market_bot_R50.pth and the like, in the zoo of FastReID 0.x (issues 427, 486 and 617 of JDAI-CV/fast-reid
# list them), and of FastReID since 1.0.
OLD_ZOO = [
    "pixel_mean",
    "pixel_std",
    "backbone.conv1.weight",
    "backbone.bn1.weight",
    "backbone.bn1.bias",
    "backbone.bn1.running_mean",
    "backbone.bn1.running_var",
    "backbone.bn1.num_batches_tracked",
    "backbone.layer1.0.conv1.weight",
    "backbone.layer1.0.bn1.weight",
    "backbone.layer1.0.conv2.weight",
    "backbone.layer2.0.downsample.0.weight",
    "backbone.layer2.0.downsample.1.running_mean",
    "backbone.layer4.1.bn2.running_var",
    "heads.bnneck.weight",
    "heads.bnneck.bias",
    "heads.bnneck.running_mean",
    "heads.bnneck.running_var",
    "heads.bnneck.num_batches_tracked",
    "heads.classifier.weight",
]
NEW_ZOO = [
    "backbone.conv1.weight",
    "backbone.layer4.1.bn2.running_var",
    "heads.weight",
    "heads.bottleneck.0.weight",
    "heads.bottleneck.0.bias",
    "heads.bottleneck.0.running_mean",
    "heads.bottleneck.0.running_var",
    "heads.bottleneck.0.num_batches_tracked",
]
# Names that reid-strong-baseline's Baseline gives (modeling/baseline.py: base, gap, bottleneck, classifier).
BAG_OF_TRICKS = [
    "base.conv1.weight",
    "base.bn1.weight",
    "base.bn1.bias",
    "base.bn1.running_mean",
    "base.bn1.running_var",
    "base.bn1.num_batches_tracked",
    "base.layer1.0.conv1.weight",
    "base.layer1.0.bn1.weight",
    "base.layer2.0.downsample.0.weight",
    "base.layer2.0.downsample.1.weight",
    "base.layer4.1.conv2.weight",
    "base.layer4.1.bn2.running_var",
    "bottleneck.weight",
    "bottleneck.bias",
    "bottleneck.running_mean",
    "bottleneck.running_var",
    "bottleneck.num_batches_tracked",
    "classifier.weight",
]


def built(classes=5, **changes):
    return build_model(tree_of(R18 | {key.replace("__", "."): value for key, value in changes.items()}), classes)


@pytest.fixture(scope="module")
def donor():
    """A state dict in FastReID's present names, every norm of it moved."""
    torch.manual_seed(3)
    state = built().state_dict()
    return {key: torch.rand_like(value) if value.is_floating_point() else value + 7 for key, value in state.items()}


def old_zoo(donor):
    renamed = {key: value for key, value in donor.items() if not key.startswith("heads.")}
    renamed |= {f"heads.bnneck.{name}": donor[f"heads.bottleneck.0.{name}"] for name in NORM}
    ones = torch.ones(1, 3, 1, 1)
    return renamed | {"heads.classifier.weight": donor["heads.weight"], "pixel_mean": ones, "pixel_std": ones}


def bag_of_tricks(donor):
    renamed = {
        key.replace("backbone.", "base.", 1): value for key, value in donor.items() if key.startswith("backbone.")
    }
    renamed |= {f"bottleneck.{name}": donor[f"heads.bottleneck.0.{name}"] for name in NORM}
    return renamed | {"classifier.weight": donor["heads.weight"]}


SOURCES = {"new-zoo": (dict, NEW_ZOO), "old-zoo": (old_zoo, OLD_ZOO), "bag-of-tricks": (bag_of_tricks, BAG_OF_TRICKS)}


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_names_of_each_source_fill_every_tensor(source, donor):
    renamed, real = SOURCES[source]
    state = renamed(donor)
    assert set(real) <= set(state)
    model = built()
    report = load_model_state(model, state, source="file")
    assert (report.missing, report.skipped_shape, report.notes) == ((), (), ())
    assert set(report.unexpected) == {"pixel_mean", "pixel_std"} & set(state)
    assert all(torch.equal(value, donor[key]) for key, value in model.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_classifier_of_other_identities_stays_random_and_it_is_said(source, donor):
    model = built(classes=9)
    before = model.heads.weight.detach().clone()
    report = load_model_state(model, SOURCES[source][0](donor), source="file")
    assert torch.equal(model.heads.weight, before)
    assert report.missing == ("heads.weight",)
    assert report.notes == ("heads.weight starts from random weights: 5 identities in the file, 9 in the model",)
    assert torch.equal(model.heads.bottleneck[0].running_var, donor["heads.bottleneck.0.running_var"])


@pytest.mark.slow
def test_old_neck_lies_behind_the_reduction_where_there_is_one(donor):
    model = built(MODEL__HEADS__EMBEDDING_DIM=16)
    want = {key: torch.rand_like(value.float()).to(value.dtype) for key, value in model.state_dict().items()}
    state = {key.replace("heads.bottleneck.1.", "heads.bnneck."): value for key, value in want.items()}
    assert "heads.bottleneck.0.weight" in state  # the reduction keeps its name
    load_model_state(model, state, source="file")
    assert all(torch.equal(value, want[key]) for key, value in model.state_dict().items())


def test_old_names_of_every_branch_of_mgn_are_translated():
    from reid_core.modeling.weights.heads import translate_model

    own = {"b1_head.weight": 0, "b1_head.bottleneck.0.weight": 0, "b1_head.bottleneck.1.running_var": 0}
    state = dict.fromkeys(["b1_head.classifier.weight", "b1_head.bottleneck.0.weight", "b21_head.bnneck.bias"])
    state |= dict.fromkeys(["b1_head.bnneck.running_mean", "b1.0.0.conv1.weight"])
    assert set(translate_model(state, own)) == {
        "b1_head.weight",
        "b1_head.bottleneck.0.weight",
        "b21_head.bottleneck.0.bias",
        "b1_head.bottleneck.1.running_mean",
        "b1.0.0.conv1.weight",
    }


@pytest.mark.slow
def test_our_own_checkpoint_is_a_whole_model(tmp_path, donor):
    torch.save({"kind": "reid-tune checkpoint", "format": 1, "model": donor, "parts": {}}, tmp_path / "epoch.pt")
    model = built()
    assert load_model(model, tmp_path / "epoch.pt").missing == ()
    assert torch.equal(model.heads.weight, donor["heads.weight"])


def unchanged(model, before):
    return all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"MODEL__BACKBONE__DEPTH": "34x"}, r"ResNet-18 .*weights are missing, as backbone\.layer"),
        ({"MODEL__BACKBONE__WITH_IBN": True}, r"missing, as backbone\.layer1\.0\.bn1\.BN"),
        ({"MODEL__HEADS__WITH_BNNECK": False}, r"no place in the model, as heads\.bottleneck\.0"),
        ({"MODEL__HEADS__EMBEDDING_DIM": 16}, "another shape"),
        ({"MODEL__HEADS__POOL_LAYER": "GeneralizedMeanPoolingP"}, r"missing, as heads\.pool_layer\.p"),
    ],
)
def test_part_of_a_model_is_never_loaded_silently(change, says, donor):
    model = built(**change)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"file belongs to another architecture: .*{says}"):
        load_model_state(model, donor, source="file")
    assert unchanged(model, before)


@pytest.mark.slow
def test_learned_pooling_of_the_file_is_not_dropped_silently(donor):
    with pytest.raises(CheckpointError, match=r"heads\.pool_layer\.p") as caught:
        load_model_state(built(), donor | {"heads.pool_layer.p": torch.tensor([3.0])}, source="file")
    assert "set MODEL.HEADS.POOL_LAYER to GeneralizedMeanPoolingP" in caught.value.hint


@pytest.mark.slow
def test_backbone_alone_is_no_whole_model(donor):
    inner = {key.removeprefix("backbone."): value for key, value in donor.items() if key.startswith("backbone.")}
    with pytest.raises(
        CheckpointError, match=r"file is no whole model: it seems to be ResNet-18 \(torchvision"
    ) as caught:
        load_model_state(built(), inner, source="file")
    assert "MODEL.BACKBONE.PRETRAIN_PATH" in caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_backbone_of_a_whole_model_can_be_a_pretrained_one(source, tmp_path, donor):
    torch.save({"model": SOURCES[source][0](donor), "optimizer": {}}, tmp_path / "model.pth")
    backbone = built().backbone
    report = load_pretrained(backbone, tmp_path / "model.pth")
    assert report.missing == ()
    assert torch.equal(backbone.conv1.weight, donor["backbone.conv1.weight"])


@pytest.mark.slow
def test_configuration_starts_from_a_whole_model_and_needs_no_pretrained_file_beside_it(tmp_path, donor):
    torch.save({"model": {f"module.{key}": value for key, value in donor.items()}}, tmp_path / "model.pth")
    changes = {"MODEL__WEIGHTS": str(tmp_path / "model.pth"), "MODEL__BACKBONE__PRETRAIN": True}
    model = built(**changes)
    assert all(torch.equal(value, donor[key]) for key, value in model.state_dict().items())
    fresh = build_model(tree_of(R18 | {"MODEL.WEIGHTS": "/nowhere.pth"}), 5, pretrained=False)
    assert not torch.equal(fresh.heads.weight, donor["heads.weight"])


@pytest.mark.slow
def test_partial_start_is_a_warning_and_a_whole_one_is_not(tmp_path, donor, caplog):
    path = tmp_path / "model.pth"
    torch.save({"model": donor}, path)
    with caplog.at_level("INFO", logger="reid_core.modeling.build"):
        built(MODEL__WEIGHTS=str(path))
        built(classes=9, MODEL__WEIGHTS=str(path))
    whole, partial = [record for record in caplog.records if "tensors loaded" in record.getMessage()]
    assert (whole.levelname, partial.levelname) == ("INFO", "WARNING")
    assert f"MODEL.WEIGHTS {path}: " in partial.getMessage()
    assert "1 missing (heads.weight), 0 unexpected" in partial.getMessage()
    assert "5 identities in the file, 9 in the model" in partial.getMessage()


@pytest.mark.slow
def test_trained_encoder_of_moco_is_taken_and_the_other_left(donor):
    state = {}
    for key, value in donor.items():
        if key.startswith("backbone."):
            name = key.removeprefix("backbone.")
            state |= {f"encoder_q.{name}": value, f"encoder_k.{name}": torch.zeros_like(value)}
    state |= {"encoder_q.fc.weight": torch.zeros(128, 512), "queue": torch.zeros(128, 8), "queue_ptr": torch.zeros(1)}
    from reid_core.modeling.weights import backbone_part, load_state

    backbone = built().backbone
    report = load_state(backbone, backbone_part(state), source="file")
    assert (report.missing, report.unexpected) == ((), ("fc.weight",))
    assert torch.equal(backbone.conv1.weight, donor["backbone.conv1.weight"])
