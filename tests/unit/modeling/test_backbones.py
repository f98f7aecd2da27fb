from __future__ import annotations

import pytest
import torch

from reid_core.modeling.backbones import MobileNetV2, ResNet, ResNetDepth
from reid_core.modeling.backbones.mobilenet_v2 import WIDTHS


def feature_map(backbone, height=64, width=32):
    with torch.no_grad():
        return backbone.eval()(torch.zeros(1, 3, height, width))


@pytest.mark.slow
@pytest.mark.parametrize("with_ibn", [False, True])
@pytest.mark.parametrize(("depth", "channels"), [("18x", 512), ("34x", 512), ("50x", 2048)])
def test_resnet_knows_the_width_of_its_feature_map(depth, channels, with_ibn):
    backbone = ResNet(ResNetDepth(depth), with_ibn=with_ibn)
    assert backbone.feature_dim == channels
    assert feature_map(backbone).shape == (1, channels, 4, 2)


@pytest.mark.slow
def test_last_stride_2_halves_the_feature_map():
    assert feature_map(ResNet(ResNetDepth.R18, last_stride=2)).shape == (1, 512, 2, 1)


@pytest.mark.slow
def test_stem_pools_without_padding_and_rounds_up():
    backbone = ResNet(ResNetDepth.R18)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert backbone.maxpool(x).tolist() == [[[[10.0, 11.0], [14.0, 15.0]]]]


@pytest.mark.slow
def test_ibn_stands_in_the_first_three_layers_only():
    keys = ResNet(ResNetDepth.R18, with_ibn=True).state_dict()
    assert {key.split(".")[0] for key in keys if ".IN." in key} == {"layer1", "layer2", "layer3"}


@pytest.mark.slow
def test_squeeze_excite_and_non_local_blocks_are_placed_as_in_fastreid():
    keys = ResNet(ResNetDepth.R50, with_se=True, with_nl=True).state_dict()
    assert keys["layer1.0.se.fc.0.weight"].shape == (16, 256)
    assert keys["layer4.2.se.fc.2.weight"].shape == (2048, 128)
    blocks = {".".join(key.split(".")[:2]) for key in keys if key.startswith("NL_")}
    assert blocks == {"NL_2.0", "NL_2.1", "NL_3.0", "NL_3.1", "NL_3.2"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone",
    [
        lambda: ResNet(ResNetDepth.R18, with_ibn=True, with_se=True),
        lambda: ResNet(ResNetDepth.R50, with_nl=True),
        lambda: MobileNetV2(0.25),
    ],
)
def test_every_parameter_of_a_backbone_is_trained(backbone):
    torch.manual_seed(0)
    model = backbone().train()
    model(torch.randn(4, 3, 64, 32)).square().mean().backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert without == []


@pytest.mark.slow
@pytest.mark.parametrize("depth", sorted(WIDTHS))
def test_mobilenet_v2_of_every_width_gives_its_feature_map(depth):
    backbone = MobileNetV2(WIDTHS[depth])
    assert backbone.feature_dim == 1280
    assert feature_map(backbone).shape == (1, 1280, 2, 1)


def test_mobilenet_v2_has_the_published_number_of_parameters():
    backbone = MobileNetV2()
    # Sandler et al. give 3.4 M with the classifier of 1000 classes, which takes 1000 * 1281 of them.
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 3_504_872 - 1_281_000
