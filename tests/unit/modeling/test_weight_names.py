"""Names of other tools against FastReID's: whole lists written out from each tool's layout, and real names of files."""

from __future__ import annotations

import pytest
import torch

from reid_core.modeling.weights.inverted_residuals import dialect_of, translate_inverted_residuals

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
B0 = (1, 2, 2, 3, 3, 4, 1)  # blocks a stage of EfficientNet-B0
V3_LARGE = (1, 2, 3, 4, 2, 3)
V3_LARGE_SE = {4, 5, 6, 11, 12, 13, 14, 15}  # features.N with squeeze-excitation, table 1 of the paper
V3_SMALL = (1, 2, 3, 2, 3)
V3_SMALL_SE = {1, 4, 5, 6, 7, 8, 9, 10, 11}  # table 2
V2 = (1, 2, 3, 4, 3, 3, 1)


def names(layers):
    """Parameters of (layer, sort) pairs; a sort is conv, norm or biased (a convolution with a bias)."""
    attributes = {"conv": ("weight",), "norm": NORM, "biased": ("weight", "bias")}
    return [f"{layer}.{name}" for layer, sort in layers for name in attributes[sort]]


def numbered(listed):
    """A state dict whose n-th tensor is n."""
    return {name: torch.tensor([float(number)]) for number, name in enumerate(listed)}


def fastreid_efficientnet(stages=B0, *, se=True):
    layers = [("stem.conv", "conv"), ("stem.bn", "norm")]
    for stage, count in enumerate(stages, 1):
        for block in range(1, count + 1):
            at = f"s{stage}.b{block}"
            layers += [(f"{at}.exp", "conv"), (f"{at}.exp_bn", "norm")] if stage > 1 else []
            layers += [(f"{at}.dwise", "conv"), (f"{at}.dwise_bn", "norm")]
            layers += [(f"{at}.se.f_ex.0", "biased"), (f"{at}.se.f_ex.2", "biased")] if se else []
            layers += [(f"{at}.lin_proj", "conv"), (f"{at}.lin_proj_bn", "norm")]
    return names([*layers, ("head.conv", "conv"), ("head.conv_bn", "norm")])


def timm_blocks(stages, has_se):
    layers = [("conv_stem", "conv"), ("bn1", "norm")]
    number = 0
    for stage, count in enumerate(stages):
        for block in range(count):
            number += 1
            at = f"blocks.{stage}.{block}"
            se = [(f"{at}.se.conv_reduce", "biased"), (f"{at}.se.conv_expand", "biased")] if has_se(number) else []
            if stage == 0:
                layers += [(f"{at}.conv_dw", "conv"), (f"{at}.bn1", "norm"), *se]
                layers += [(f"{at}.conv_pw", "conv"), (f"{at}.bn2", "norm")]
            else:
                layers += [(f"{at}.conv_pw", "conv"), (f"{at}.bn1", "norm")]
                layers += [(f"{at}.conv_dw", "conv"), (f"{at}.bn2", "norm"), *se]
                layers += [(f"{at}.conv_pwl", "conv"), (f"{at}.bn3", "norm")]
    return layers


def timm_efficientnet(stages=B0):
    return names([*timm_blocks(stages, lambda _: True), ("conv_head", "conv"), ("bn2", "norm")])


def torchvision_efficientnet():
    layers = [("features.0.0", "conv"), ("features.0.1", "norm")]
    for stage, count in enumerate(B0, 1):
        for block in range(count):
            at, index = f"features.{stage}.{block}.block", 0
            if stage > 1:
                layers += [(f"{at}.0.0", "conv"), (f"{at}.0.1", "norm")]
                index = 1
            layers += [(f"{at}.{index}.0", "conv"), (f"{at}.{index}.1", "norm")]
            layers += [(f"{at}.{index + 1}.fc1", "biased"), (f"{at}.{index + 1}.fc2", "biased")]
            layers += [(f"{at}.{index + 2}.0", "conv"), (f"{at}.{index + 2}.1", "norm")]
    return names([*layers, ("features.8.0", "conv"), ("features.8.1", "norm")])


def lukemelas_efficientnet(*, se=True):
    layers = [("_conv_stem", "conv"), ("_bn0", "norm")]
    for number in range(sum(B0)):
        at = f"_blocks.{number}"
        layers += [(f"{at}._expand_conv", "conv"), (f"{at}._bn0", "norm")] if number else []
        layers += [(f"{at}._depthwise_conv", "conv"), (f"{at}._bn1", "norm")]
        layers += [(f"{at}._se_reduce", "biased"), (f"{at}._se_expand", "biased")] if se else []
        layers += [(f"{at}._project_conv", "conv"), (f"{at}._bn2", "norm")]
    return names([*layers, ("_conv_head", "conv"), ("_bn1", "norm")])


def fastreid_v3(stages, se, last):
    layers = [("features.0.0", "conv"), ("features.0.1", "norm")]
    for number in range(1, sum(stages) + 1):
        parts = ["plain"] if number == 1 else ["plain", "plain"]
        parts += ["se"] if number in se else []
        for index, part in enumerate([*parts, "plain"]):
            at = f"features.{number}.block.{index}"
            inner = (("0", "conv"), ("1", "norm")) if part == "plain" else (("fc1", "biased"), ("fc2", "biased"))
            layers += [(f"{at}.{name}", sort) for name, sort in inner]
    return names([*layers, (f"features.{last}.0", "conv"), (f"features.{last}.1", "norm")])


def timm_v3(stages, se):
    last = f"blocks.{len(stages)}.0"
    return names([*timm_blocks(stages, se.__contains__), (f"{last}.conv", "conv"), (f"{last}.bn1", "norm")])


def fastreid_v2():
    layers = [("features.0.0", "conv"), ("features.0.1", "norm")]
    for number in range(1, sum(V2) + 1):
        for index in (0, 3) if number == 1 else (0, 3, 6):
            layers += [(f"features.{number}.conv.{index}", "conv"), (f"features.{number}.conv.{index + 1}", "norm")]
    return names([*layers, ("conv.0", "conv"), ("conv.1", "norm")])


def timm_v2():
    return names([*timm_blocks(V2, lambda _: False), ("conv_head", "conv"), ("bn2", "norm")])


HEAD = names([("conv.0", "conv"), ("conv.1", "norm")])
TRANSLATIONS = {
    "timm-efficientnet": (timm_efficientnet(), fastreid_efficientnet()),
    "torchvision-efficientnet": (torchvision_efficientnet(), fastreid_efficientnet()),
    "lukemelas-efficientnet": (lukemelas_efficientnet(), fastreid_efficientnet()),
    "lukemelas-lite": (lukemelas_efficientnet(se=False), fastreid_efficientnet(se=False)),
    "timm-mobilenetv3-large": (timm_v3(V3_LARGE, V3_LARGE_SE), fastreid_v3(V3_LARGE, V3_LARGE_SE, 16)),
    "timm-mobilenetv3-small": (timm_v3(V3_SMALL, V3_SMALL_SE), fastreid_v3(V3_SMALL, V3_SMALL_SE, 12)),
    "timm-mobilenetv2": (timm_v2(), fastreid_v2()),
}


@pytest.mark.parametrize("source", TRANSLATIONS)
def test_every_tensor_of_a_file_gets_fastreids_name(source):
    theirs, ours = TRANSLATIONS[source]
    own = numbered(ours) | (numbered(HEAD) if "mobilenetv3" in source else {})
    translated = translate_inverted_residuals(numbered(theirs), own)
    assert {name: value.item() for name, value in translated.items()} == {
        name: float(number) for number, name in enumerate(ours)
    }


@pytest.mark.slow
def test_lists_of_fastreids_names_are_those_of_our_modules():
    from reid_core.modeling.backbones import EfficientNet, MobileNetV2, MobileNetV3
    from reid_core.modeling.backbones.efficientnet import SIZES

    assert set(EfficientNet(SIZES["b0"]).state_dict()) == set(fastreid_efficientnet())
    assert set(EfficientNet(SIZES["lite0"]).state_dict()) == set(fastreid_efficientnet(se=False))
    assert set(MobileNetV3("Large").state_dict()) == {*fastreid_v3(V3_LARGE, V3_LARGE_SE, 16), *HEAD}
    assert set(MobileNetV3("Small").state_dict()) == {*fastreid_v3(V3_SMALL, V3_SMALL_SE, 12), *HEAD}
    assert set(MobileNetV2(0.1).state_dict()) == set(fastreid_v2())


REAL_NAMES = {
    "timm-mobilenetv3-large": {
        "conv_stem.weight": "features.0.0.weight",
        "bn1.running_mean": "features.0.1.running_mean",
        "blocks.0.0.conv_dw.weight": "features.1.block.0.0.weight",
        "blocks.0.0.bn1.weight": "features.1.block.0.1.weight",
        "blocks.0.0.bn2.weight": "features.1.block.1.1.weight",
        "blocks.1.0.conv_pw.weight": "features.2.block.0.0.weight",
        "blocks.2.0.conv_dw.weight": "features.4.block.1.0.weight",
        "blocks.2.0.se.conv_reduce.weight": "features.4.block.2.fc1.weight",
        "blocks.2.0.se.conv_expand.bias": "features.4.block.2.fc2.bias",
        "blocks.2.0.conv_pwl.weight": "features.4.block.3.0.weight",
        "blocks.5.2.bn3.running_var": "features.15.block.3.1.running_var",
        "blocks.6.0.conv.weight": "features.16.0.weight",
        "blocks.6.0.bn1.bias": "features.16.1.bias",
    },
    "timm-mobilenetv2": {
        "blocks.0.0.conv_dw.weight": "features.1.conv.0.weight",
        "blocks.0.0.conv_pw.weight": "features.1.conv.3.weight",
        "blocks.1.0.conv_pw.weight": "features.2.conv.0.weight",
        "blocks.1.0.conv_dw.weight": "features.2.conv.3.weight",
        "blocks.6.0.conv_pwl.weight": "features.17.conv.6.weight",
        "blocks.6.0.bn3.running_mean": "features.17.conv.7.running_mean",
        "conv_head.weight": "conv.0.weight",
        "bn2.running_var": "conv.1.running_var",
    },
    "timm-efficientnet": {
        "blocks.0.0.conv_dw.weight": "s1.b1.dwise.weight",
        "blocks.0.0.se.conv_reduce.weight": "s1.b1.se.f_ex.0.weight",
        "blocks.0.0.conv_pw.weight": "s1.b1.lin_proj.weight",
        "blocks.1.1.bn2.weight": "s2.b2.dwise_bn.weight",
        "blocks.6.0.conv_pwl.weight": "s7.b1.lin_proj.weight",
        "conv_head.weight": "head.conv.weight",
        "bn2.bias": "head.conv_bn.bias",
    },
    "torchvision-efficientnet": {
        "features.0.1.running_mean": "stem.bn.running_mean",
        "features.1.0.block.0.0.weight": "s1.b1.dwise.weight",
        "features.1.0.block.1.fc1.bias": "s1.b1.se.f_ex.0.bias",
        "features.1.0.block.2.0.weight": "s1.b1.lin_proj.weight",
        "features.2.1.block.0.0.weight": "s2.b2.exp.weight",
        "features.6.3.block.3.1.weight": "s6.b4.lin_proj_bn.weight",
        "features.8.0.weight": "head.conv.weight",
    },
    "lukemelas-efficientnet": {
        "_conv_stem.weight": "stem.conv.weight",
        "_bn0.running_var": "stem.bn.running_var",
        "_blocks.0._depthwise_conv.weight": "s1.b1.dwise.weight",
        "_blocks.0._se_reduce.bias": "s1.b1.se.f_ex.0.bias",
        "_blocks.2._expand_conv.weight": "s2.b2.exp.weight",
        "_blocks.2._bn0.weight": "s2.b2.exp_bn.weight",
        "_blocks.15._project_conv.weight": "s7.b1.lin_proj.weight",
        "_conv_head.weight": "head.conv.weight",
        "_bn1.bias": "head.conv_bn.bias",
    },
}


@pytest.mark.parametrize("source", REAL_NAMES)
def test_names_seen_in_real_files_mean_these_layers(source):
    theirs, ours = TRANSLATIONS[source]
    own = numbered(ours) | (numbered(HEAD) if "mobilenetv3" in source else {})
    state = numbered(theirs)
    translated = translate_inverted_residuals(state, own)
    assert {name: translated[target].item() for name, target in REAL_NAMES[source].items()} == {
        name: state[name].item() for name in REAL_NAMES[source]
    }


def test_torchvisions_mobilenet_v3_keeps_its_names_and_its_classifier_stays_outside():
    ours = fastreid_v3(V3_LARGE, V3_LARGE_SE, 16)
    state = numbered([*ours, "classifier.0.weight", "classifier.0.bias", "classifier.3.weight"])
    assert translate_inverted_residuals(state, numbered([*ours, *HEAD])) == state


@pytest.mark.parametrize(
    ("listed", "source", "family"),
    [
        (timm_efficientnet(), "timm", "EfficientNet"),
        (timm_v3(V3_SMALL, V3_SMALL_SE), "timm", "MobileNetV3"),
        (torchvision_efficientnet(), "torchvision", "EfficientNet"),
        (fastreid_v3(V3_LARGE, V3_LARGE_SE, 16), "torchvision", "MobileNetV3"),
        (fastreid_v3(V3_LARGE, V3_LARGE_SE, 16) + HEAD, "FastReID", "MobileNetV3"),
        (fastreid_v2(), "FastReID", "MobileNetV2"),
        (lukemelas_efficientnet(), "EfficientNet-PyTorch", "EfficientNet"),
        (fastreid_efficientnet(), "FastReID", "EfficientNet"),
    ],
)
def test_dialect_is_told_by_its_names(listed, source, family):
    dialect = dialect_of(listed)
    assert (dialect.source, dialect.family) == (source, family)


def test_names_of_no_inverted_residual_network_stay_as_they_are():
    state = numbered(["conv1.weight", "layer1.0.conv1.weight"])
    assert dialect_of(state) is None
    assert translate_inverted_residuals(state, numbered(fastreid_v2())) == state


SAME_NAMES = {
    # torchvision resnet18, and XingangPan's resnet18_ibn_a
    "resnet": {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_mean": (64,),
        "layer1.0.conv1.weight": (64, 64, 3, 3),
        "layer1.0.bn1.IN.weight": (32,),
        "layer1.0.bn1.BN.running_var": (32,),
        "layer1.0.bn2.bias": (64,),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.running_var": (128,),
        "layer4.1.conv2.weight": (512, 512, 3, 3),
    },
    # torchvision and timm resnext50_32x4d
    "resnext": {
        "layer1.0.conv1.weight": (128, 64, 1, 1),
        "layer1.0.conv2.weight": (128, 4, 3, 3),
        "layer1.0.conv3.weight": (256, 128, 1, 1),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer4.2.bn3.num_batches_tracked": (),
    },
    # timm and zhanghang1989 resnest50
    "resnest": {
        "conv1.0.weight": (32, 3, 3, 3),
        "conv1.4.running_mean": (32,),
        "conv1.6.weight": (64, 32, 3, 3),
        "layer1.0.conv2.conv.weight": (128, 32, 3, 3),
        "layer1.0.conv2.bn0.weight": (128,),
        "layer1.0.conv2.fc1.bias": (32,),
        "layer1.0.conv2.bn1.running_var": (32,),
        "layer1.0.conv2.fc2.weight": (128, 32, 1, 1),
        "layer1.0.downsample.1.weight": (256, 64, 1, 1),
        "layer1.0.downsample.2.bias": (256,),
    },
    # torchreid osnet_x1_0
    "osnet": {
        "conv1.conv.weight": (64, 3, 7, 7),
        "conv2.0.conv1.conv.weight": (64, 64, 1, 1),
        "conv2.0.conv2a.conv1.weight": (64, 64, 1, 1),
        "conv2.0.conv2b.1.conv2.weight": (64, 1, 3, 3),
        "conv2.0.gate.fc1.weight": (4, 64, 1, 1),
        "conv2.2.0.conv.weight": (256, 256, 1, 1),
        "conv5.bn.running_mean": (512,),
    },
    # RepVGG-A0-train.pth
    "repvgg": {
        "stage0.rbr_dense.conv.weight": (48, 3, 3, 3),
        "stage0.rbr_1x1.bn.running_mean": (48,),
        "stage1.1.rbr_identity.weight": (48,),
        "stage4.0.rbr_1x1.conv.weight": (1280, 192, 1, 1),
    },
    # pycls RegNetX-400MF
    "regnet": {
        "stem.conv.weight": (32, 3, 3, 3),
        "s1.b1.proj.weight": (32, 32, 1, 1),
        "s1.b1.f.a.weight": (32, 32, 1, 1),
        "s1.b1.f.b.weight": (32, 16, 3, 3),
        "s1.b1.f.c_bn.running_var": (32,),
    },
}


def network(name):
    from reid_core.config.convert import tree_of
    from reid_core.modeling.registry import build_backbone

    depth = {"resnet": "18x", "resnext": "50x", "resnest": "50x", "osnet": "x1_0", "repvgg": "A0", "regnet": "400x"}
    values = {"MODEL.BACKBONE.NAME": f"build_{name}_backbone", "MODEL.BACKBONE.DEPTH": depth[name]}
    if name == "resnet":
        values["MODEL.BACKBONE.WITH_IBN"] = True
    return build_backbone(tree_of(values).model.backbone, (256, 128))[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME_NAMES)
def test_networks_whose_files_need_no_translation(name):
    state = network(name).state_dict()
    assert {key: tuple(state[key].shape) for key in SAME_NAMES[name]} == SAME_NAMES[name]


@pytest.mark.shared
def test_shared_efficientnet_lite_has_a_name_for_every_tensor_but_its_classifier(shared):
    from reid_core.modeling.weights import read_weights

    state = read_weights(shared / "weights" / "efficientnet_lite0-imagenet1k.pth").tensors
    ours = fastreid_efficientnet(se=False)
    translated = translate_inverted_residuals(state, numbered(ours))
    assert set(translated) == {*ours, "_fc.weight", "_fc.bias"}
    assert translated["s2.b1.exp.weight"].shape == (96, 16, 1, 1)
    assert translated["head.conv.weight"].shape == (1280, 320, 1, 1)
