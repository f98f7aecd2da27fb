"""Reading files of weights safely, and guessing what they are."""

from __future__ import annotations

import json
import struct

import pytest
import torch

from reid_core.api import inspect_weights
from reid_core.config.convert import tree_of
from reid_core.errors import CheckpointError, NotFound
from reid_core.modeling.backbones import EfficientNet, MobileNetV2, MobileNetV3, ResNet, ResNetDepth
from reid_core.modeling.backbones.efficientnet import SIZES
from reid_core.modeling.backbones.vision_transformer import VisionTransformer, VitSize
from reid_core.modeling.weights import describe_file, read_weights
from reid_core.modeling.weights.describe import describe_tensors


def saved(content, path):
    torch.save(content, path)
    return path


def test_wrappers_are_removed_and_named_outermost_first(tmp_path):
    nested = {"model": {"state_dict": {"module.a.weight": torch.ones(2), "epoch": 3}}, "optimizer": {"state": {}}}
    file = read_weights(saved(nested, tmp_path / "x.pth"))
    assert file.wrappers == ("model", "state_dict", "module.")
    assert list(file.tensors) == ["a.weight"]


@pytest.mark.parametrize(
    ("content", "wrappers"),
    [
        ({"state_dict": {"w": torch.zeros(1)}, "state_dict_ema": {"w": torch.ones(1)}}, ("state_dict_ema",)),
        ({"model_state": {"w": torch.ones(1)}, "optimizer_state": {}, "epoch": 99}, ("model_state",)),
        (
            {
                "kind": "reid-tune checkpoint",
                "model": {"w": torch.zeros(1)},
                "parts": {"average": {"updates": 3, "values": {"w": torch.ones(1)}}},
            },
            ("parts", "average", "values"),
        ),
    ],
    ids=["timm", "pycls", "averaged-checkpoint-of-ours"],
)
def test_weights_that_a_tool_evaluates_are_the_ones_taken(tmp_path, content, wrappers):
    file = read_weights(saved(content, tmp_path / "x.pth"))
    assert (file.wrappers, file.tensors["w"].item()) == (wrappers, 1)


def test_teacher_is_preferred_to_the_student(tmp_path):
    file = read_weights(saved({"student": {"w": torch.zeros(1)}, "teacher": {"w": torch.ones(1)}}, tmp_path / "x.pth"))
    assert file.tensors["w"].item() == 1


@pytest.mark.slow
def test_whole_pickled_model_is_refused_naming_its_class_and_what_to_do(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"holds Python objects \(.*ResNet\), and loading those runs code"
    ) as caught:
        read_weights(saved(ResNet(ResNetDepth.R18), tmp_path / "model.pth"))
    assert "save model.state_dict() alone" in caught.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"<!DOCTYPE html>", b"version https://git-lfs.github.com/spec/v1\n", b". x.sh"]
)
def test_download_that_went_wrong_is_refused(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.pth cannot be read as weights") as caught:
        read_weights(tmp_path / "x.pth")
    assert "fetch it again" in caught.value.hint


def test_file_without_tensors_is_refused_naming_what_it_holds(tmp_path):
    with pytest.raises(CheckpointError, match="holds no tensors, but epoch, lr"):
        read_weights(saved({"lr": 0.1, "epoch": 3}, tmp_path / "x.pth"))


def grouped(state):
    """A ResNeXt's first grouped convolution in a ResNet's names."""
    return state | {"layer1.0.conv2.weight": torch.zeros(128, 4, 3, 3), "layer1.0.conv3.weight": torch.zeros(1)}


R18 = ResNet(ResNetDepth.R18)
MODELS = {
    "ResNet-18": R18.state_dict,
    "ResNet-18 with IBN-a": ResNet(ResNetDepth.R18, with_ibn=True).state_dict,
    "ResNet-18 with SE": ResNet(ResNetDepth.R18, with_se=True).state_dict,
    "ResNeXt-2-2-2-2": lambda: grouped(R18.state_dict()),
    "MobileNetV2, 17 blocks": MobileNetV2(0.1).state_dict,
    "MobileNetV3, 11 blocks": lambda: MobileNetV3("Small").state_dict(),
    "EfficientNet, 16 blocks": lambda: EfficientNet(SIZES["b0"]).state_dict(),
    "ViT, width 8, 2 blocks, 8 patches": VisionTransformer((64, 32), VitSize(8, 2, 2)).state_dict,
}


@pytest.mark.parametrize("architecture", MODELS)
def test_architecture_is_told_by_names_and_shapes(architecture):
    assert describe_tensors(MODELS[architecture]()).architecture == architecture


@pytest.mark.parametrize(
    ("names", "source", "architecture"),
    [
        (["base.conv1.weight", "base.layer1.0.conv1.weight"], "Bag of Tricks", "ResNet-1-0-0-0"),
        (["encoder_q.layer1.0.conv1.weight", "encoder_k.layer1.0.conv1.weight"], "MoCo or LUPerson", "ResNet-1-0-0-0"),
        (["stage2.0.branch1.0.weight"], "torchvision", "ShuffleNetV2 as torchvision builds it"),
        (["first_conv.0.weight"], "Megvii or FastReID", "ShuffleNetV2"),
        (["stage1.0.rbr_dense.conv.weight"], "RepVGG or FastReID", "RepVGG"),
        (["conv2.0.conv1.conv.weight", "conv2.0.conv2a.conv1.weight"], "torchreid or FastReID", "OSNet"),
        (["s1.b1.f.a.weight"], "pycls or FastReID", "RegNet"),
        (["layers.0.blocks.0.attn.relative_position_bias_table"], "Swin or SOLIDER", "Swin transformer"),
        (["lstm.weight"], "unknown", "unknown"),
    ],
)
def test_source_is_told_by_names(names, source, architecture):
    found = describe_tensors(dict.fromkeys(names, torch.zeros(1, 1)))
    assert (found.source, found.architecture) == (source, architecture)


def test_torchvisions_shufflenet_is_refused_with_the_reason():
    from reid_core.modeling.backbones import ShuffleNetV2
    from reid_core.modeling.weights import load_state

    # real names of shufflenetv2_x1-5666bf0f80.pth
    state = {"conv1.0.weight": torch.zeros(24, 3, 3, 3), "stage2.0.branch1.0.weight": torch.zeros(24, 1, 3, 3)}
    state |= {"stage2.0.branch2.0.weight": torch.zeros(58, 24, 1, 1), "conv5.0.weight": torch.zeros(1024, 464, 1, 1)}
    with pytest.raises(CheckpointError, match="ShuffleNetV2 as torchvision builds it") as caught:
        load_state(ShuffleNetV2(), state, source="file")
    assert "take Megvii's file" in caught.value.hint


@pytest.mark.slow
def test_megviis_shufflenet_is_loaded_with_its_classifier_left_out(tmp_path):
    from reid_core.modeling.backbones import ShuffleNetV2
    from reid_core.modeling.weights import load_pretrained

    donor = ShuffleNetV2().state_dict()
    state = {f"module.{key}": value for key, value in donor.items()}
    assert {"module.first_conv.0.weight", "module.features.0.branch_proj.2.weight", "module.conv_last.0.weight"} <= {
        *state
    }
    path = saved(
        {"state_dict": state | {"module.classifier.0.weight": torch.zeros(1000, 1024)}}, tmp_path / "x.pth.tar"
    )
    report = load_pretrained(ShuffleNetV2(), path)
    assert (len(report.loaded), report.missing, report.unexpected) == (len(donor), (), ("classifier.0.weight",))


@pytest.mark.slow
def test_torchvisions_mobilenet_v3_leaves_the_convolution_behind_its_features_random():
    from reid_core.modeling.weights import load_state

    donor = {key: value for key, value in MobileNetV3("Small").state_dict().items() if not key.startswith("conv.")}
    state = donor | {"classifier.0.weight": torch.zeros(1024, 576), "classifier.3.weight": torch.zeros(1000, 1024)}
    report = load_state(MobileNetV3("Small"), state, source="file")
    assert set(report.loaded) == set(donor)
    assert report.notes == ("the convolution behind the features (conv) starts from random weights: the file has none",)


@pytest.mark.slow
def test_head_and_identities_of_a_whole_model_are_counted(tmp_path):
    state = {f"backbone.{key}": value for key, value in R18.state_dict().items()}
    file = read_weights(saved({"model": state | {"heads.weight": torch.zeros(751, 512)}}, tmp_path / "x.pth"))
    found = describe_file(file)
    assert (found.whole, found.identities, found.source) == (True, 751, "FastReID or reid-tune")
    assert str(found) == "ResNet-18 (FastReID or reid-tune) with a classifier of 751 identities"


def test_imagenet_file_with_its_classifier_is_no_whole_model():
    found = describe_tensors(MobileNetV2(0.1).state_dict() | {"classifier.weight": torch.zeros(10, 1280)})
    assert (found.whole, found.identities) == (False, 0)


TINY = {"MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone", "MODEL.BACKBONE.DEPTH": "0.1x"}


def written(table, data, path):
    """A safetensors file, spelled out."""
    head = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)
    return path


def line(kind, shape, start, end):
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def test_safetensors_are_read_as_they_are_written(tmp_path):
    table = {
        "__metadata__": {"format": "pt"},
        "conv_stem.weight": line("F32", [2, 1], 0, 8),
        "bn1.weight": line("F16", [1], 8, 10),
        "bn1.num_batches_tracked": line("I64", [], 10, 18),
        "empty": line("F32", [0, 3], 18, 18),
    }
    data = struct.pack("<ff", 1.5, -2.0) + struct.pack("<e", 0.25) + struct.pack("<q", 7)
    tensors = read_weights(written(table, data, tmp_path / "model.safetensors")).tensors
    assert tensors["conv_stem.weight"].tolist() == [[1.5], [-2.0]]
    assert (tensors["bn1.weight"].item(), tensors["bn1.weight"].dtype) == (0.25, torch.float16)
    assert (tensors["bn1.num_batches_tracked"].item(), tensors["empty"].shape) == (7, (0, 3))


@pytest.mark.parametrize(
    ("table", "data"),
    [
        ({"a": line("F32", [2], 0, 8)}, b"\0" * 7),
        ({"a": line("F32", [2], 0, 4)}, b"\0" * 8),
        ({"a": line("F32", [1], 0, 4), "b": line("F32", [1], 2, 6)}, b"\0" * 8),
        ({"a": line("F32", [1], -4, 0)}, b"\0" * 8),
        ({"a": line("F8_E4M3", [1], 0, 1)}, b"\0"),
        ({"a": {"dtype": "F32"}}, b""),
        ([1], b""),
    ],
    ids=["torn", "other-size", "overlapping", "before-the-data", "unknown-kind", "incomplete", "no-table"],
)
def test_broken_safetensors_are_refused(tmp_path, table, data):
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read as weights"):
        read_weights(written(table, data, tmp_path / "model.safetensors"))


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x05\0\0\0\0\0\0\0hello"])
def test_other_files_called_safetensors_are_refused(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        read_weights(tmp_path / "x.safetensors")


def test_inspection_counts_what_the_file_holds(tmp_path):
    state = {"a.weight": torch.zeros(2, 3), "a.running_var": torch.zeros(7), "a.num_batches_tracked": torch.tensor(1)}
    state |= {"b.weight": torch.zeros(4, dtype=torch.float16)}
    found = inspect_weights(saved({"state_dict": state}, tmp_path / "x.pth"))
    assert (found.tensors, found.parameters, found.fit) == (4, 10, None)
    assert found.dtypes == {"float32": 2, "float16": 1, "int64": 1}
    assert found.wrappers == ("state_dict",)
    assert (found.bytes, len(found.sha256)) == ((tmp_path / "x.pth").stat().st_size, 64)


@pytest.mark.slow
def test_inspection_with_a_configuration_says_what_its_model_takes(tmp_path):
    state = MobileNetV2(0.1).state_dict()
    del state["features.0.1.bias"]
    path = saved(state | {"classifier.1.weight": torch.zeros(10, 1280)}, tmp_path / "x.pth")
    fit = inspect_weights(path, tree_of(TINY)).fit
    assert (fit.key, fit.fits, fit.loaded) == ("MODEL.BACKBONE.PRETRAIN_PATH", True, len(state))
    assert (fit.missing, fit.unexpected) == (("features.0.1.bias",), ("classifier.1.weight",))


@pytest.mark.slow
def test_inspection_of_a_file_that_does_not_fit_says_why(tmp_path):
    fit = inspect_weights(saved(R18.state_dict(), tmp_path / "x.pth"), tree_of(TINY)).fit
    assert (fit.fits, fit.loaded) == (False, 0)
    assert "it seems to be ResNet-18" in fit.reason
    assert fit.hint


@pytest.mark.slow
def test_whole_model_is_inspected_as_such_for_its_own_number_of_identities(tmp_path):
    from reid_core.modeling import build_model

    path = saved({"model": build_model(tree_of(TINY), 9).state_dict()}, tmp_path / "x.pth")
    fit = inspect_weights(path, tree_of(TINY)).fit
    assert (fit.key, fit.fits, fit.missing, fit.notes) == ("MODEL.WEIGHTS", True, (), ())


@pytest.mark.slow
def test_whole_model_is_inspected_for_the_number_of_classes_that_is_configured(tmp_path):
    from reid_core.modeling import build_model

    path = saved({"model": build_model(tree_of(TINY), 9).state_dict()}, tmp_path / "x.pth")
    fit = inspect_weights(path, tree_of(TINY | {"MODEL.HEADS.NUM_CLASSES": 4})).fit
    assert fit.notes == ("heads.weight starts from random weights: 9 identities in the file, 4 in the model",)


def test_inspecting_nothing_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="there is no file"):
        inspect_weights(tmp_path / "x.pth")


@pytest.mark.slow
@pytest.mark.shared
def test_shared_files_load_completely_into_their_networks(shared):
    lite = {"MODEL.BACKBONE.NAME": "build_effnet_backbone", "MODEL.BACKBONE.DEPTH": "lite0"}
    fit = inspect_weights(shared / "weights" / "efficientnet_lite0-imagenet1k.pth", tree_of(lite)).fit
    assert (fit.loaded, fit.missing, fit.unexpected) == (294, (), ("_fc.bias", "_fc.weight"))
    mobile = {"MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone"}
    fit = inspect_weights(shared / "weights" / "mobilenet_v2-imagenet1k-nohead.pth", tree_of(mobile)).fit
    assert (fit.loaded, fit.missing, fit.unexpected) == (312, (), ())
