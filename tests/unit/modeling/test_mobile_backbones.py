"""EfficientNet, MobileNetV3, ShuffleNetV2, RepVGG: shapes, sizes, norms, memory formats, initialisation."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

from reid_core.config.backbones import FAMILIES
from reid_core.config.schema.model import Backbone
from reid_core.modeling.backbones import EfficientNet, MobileNetV3, MobileNetV3Size, RepVGG, ShuffleNetV2
from reid_core.modeling.backbones.efficientnet import SIZES
from reid_core.modeling.backbones.repvgg import RepVGGSize
from reid_core.modeling.backbones.shufflenet_v2 import WIDTHS
from reid_core.modeling.layers import Norm, make_norm
from reid_core.modeling.registry import build_backbone

TINY_REPVGG = RepVGGSize((1, 2, 2, 1), (0.25, 0.25, 0.125, 0.0625), groups=2)

SMALL = {
    "effnet": lambda norm: EfficientNet(SIZES["b0"], norm=norm),
    "lite": lambda norm: EfficientNet(SIZES["lite0"], norm=norm),
    "mobilenetv3": lambda norm: MobileNetV3(MobileNetV3Size.SMALL, norm),
    "repvgg": lambda norm: RepVGG(TINY_REPVGG, norm=norm),
    "shufflenetv2": lambda norm: ShuffleNetV2(WIDTHS["0.5x"], norm),
}


@cache
def efficientnet(size):
    return on_paper(lambda: EfficientNet(SIZES[size]))


def on_paper(build):
    """The module without contents: shapes only, at no cost."""
    with torch.device("meta"):
        return build()


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def seeded(build, *arguments):
    torch.manual_seed(0)
    return build(*arguments)


# the channels of FastReID's files EN-B0 to EN-B5, and their blocks
EFFICIENTNETS = {
    "b0": (32, (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1), 1280),
    "b1": (32, (16, 24, 40, 80, 112, 192, 320), (2, 3, 3, 4, 4, 5, 2), 1280),
    "b2": (32, (16, 24, 48, 88, 120, 208, 352), (2, 3, 3, 4, 4, 5, 2), 1408),
    "b3": (40, (24, 32, 48, 96, 136, 232, 384), (2, 3, 3, 5, 5, 6, 2), 1536),
    "b4": (48, (24, 32, 56, 112, 160, 272, 448), (2, 4, 4, 6, 6, 8, 2), 1792),
    "b5": (48, (24, 40, 64, 128, 176, 304, 512), (3, 5, 5, 7, 7, 9, 3), 2048),
    "lite0": (32, (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1), 1280),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", EFFICIENTNETS)
def test_compound_scaling_gives_the_published_widths_and_depths(size):
    backbone = efficientnet(size)
    stem, widths, depths, head = EFFICIENTNETS[size]
    stages = [getattr(backbone, f"s{number}") for number in range(1, 8)]
    assert backbone.stem.conv.out_channels == stem
    assert tuple(stage.b1.lin_proj.out_channels for stage in stages) == widths
    assert tuple(len(stage) for stage in stages) == depths
    assert backbone.head.conv.out_channels == backbone.feature_dim == head


# torchvision's (Lite: timm's) counts with their classifier of 1000 classes
@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "published"),
    [
        ("b0", 5_288_548),
        ("b1", 7_794_184),
        ("b2", 9_109_994),
        ("b3", 12_233_232),
        ("b4", 19_341_616),
        ("b5", 30_389_784),
        ("lite0", 4_652_008),
    ],
)
def test_efficientnet_has_the_published_number_of_parameters(size, published):
    backbone = efficientnet(size)
    assert count(backbone) == published - 1000 * (backbone.feature_dim + 1)


def test_lite_has_neither_squeeze_excitation_nor_swish():
    backbone = efficientnet("lite0")
    assert not [key for key in backbone.state_dict() if ".se." in key]
    assert not [layer for layer in backbone.modules() if isinstance(layer, nn.SiLU | nn.Sigmoid)]
    assert {layer.eps for layer in backbone.modules() if isinstance(layer, nn.BatchNorm2d)} == {1e-3}


@pytest.mark.parametrize("pixels", [7, 8])
def test_lites_odd_pixel_of_padding_goes_to_the_right_and_the_bottom(pixels):
    stem = EfficientNet(SIZES["lite0"]).stem.conv
    nn.init.constant_(stem.weight, 1.0)
    x = torch.rand(1, 3, pixels, pixels)
    before = 1 if pixels % 2 else 0  # of the 2 or 1 pixels of padding that 4 windows of 3, 2 apart, need
    for row in range(4):
        for column in range(4):
            top, left = 2 * row - before, 2 * column - before
            window = x[..., max(top, 0) : top + 3, max(left, 0) : left + 3]
            torch.testing.assert_close(stem(x)[0, 0, row, column], window.sum())


# torchvision's counts without its two linear layers, with the convolution and norm that FastReID has in their place
@pytest.mark.parametrize(
    ("size", "features", "inner", "width"),
    [("Large", 5_483_032 - 1_230_080 - 1_281_000, 960, 1280), ("Small", 2_542_856 - 590_848 - 1_025_000, 576, 1024)],
)
def test_mobilenet_v3_has_the_published_number_of_parameters(size, features, inner, width):
    backbone = on_paper(lambda: MobileNetV3(MobileNetV3Size(size)))
    assert count(backbone.features) == features
    assert count(backbone) == features + inner * width + 2 * width
    assert backbone.conv[0].out_channels == backbone.feature_dim == width


# millions, as Megvii states them, with a classifier of 1000 classes without bias
@pytest.mark.parametrize(("size", "published"), [("0.5x", 1.4), ("1.0x", 2.3), ("1.5x", 3.5), ("2.0x", 7.4)])
def test_shufflenet_v2_has_the_published_number_of_parameters(size, published):
    backbone = on_paper(lambda: ShuffleNetV2(WIDTHS[size]))
    assert round((count(backbone) + 1000 * backbone.feature_dim) / 1e6, 1) == published
    assert backbone.conv_last[0].out_channels == backbone.feature_dim == WIDTHS[size][-1]


def test_shuffled_channels_are_those_of_fastreid():
    block = ShuffleNetV2(WIDTHS["0.5x"]).features[1]
    block.branch_main = nn.Identity()
    x = torch.rand(2, 48, 3, 2)
    passed, transformed = x.reshape(2 * 24, 2, 6).permute(1, 0, 2).reshape(2, -1, 24, 3, 2)
    assert torch.equal(block(x), torch.cat((passed, transformed), dim=1))


@pytest.mark.slow
@pytest.mark.parametrize("norm", Norm)
@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_of_a_mobile_backbone_is_trained_with_every_norm(name, norm):
    model = seeded(SMALL[name], norm).train()
    y = model(torch.randn(2, 3, 64, 32))
    assert y.shape[1] == model.feature_dim
    y.square().mean().backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []
    with torch.no_grad():
        assert model.eval()(torch.randn(1, 3, 64, 32)).isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_channels_last_changes_no_feature(name):
    model = seeded(SMALL[name], Norm.BATCH).double().train()  # untrained, its features vanish in eval mode
    x = torch.randn(2, 3, 64, 32, dtype=torch.float64)
    with torch.no_grad():
        plain = model(x)
        last = model.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
    assert plain.std() > 0.1
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, plain, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["effnet", "mobilenetv3"])
def test_convolutions_start_as_in_fastreid(name):
    model = seeded(SMALL[name], Norm.BATCH)
    widest = max((layer for layer in model.modules() if isinstance(layer, nn.Conv2d)), key=lambda one: one.out_channels)
    assert widest.weight.std().item() == pytest.approx((2 / widest.out_channels) ** 0.5, rel=0.02)


def test_shufflenet_starts_as_in_fastreid():
    model = seeded(ShuffleNetV2)
    assert model.first_conv[0].weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert model.conv_last[0].weight.std().item() == pytest.approx(1 / 464, rel=0.02)
    assert all((layer.bias == 1e-4).all() for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["effnet", "mobilenetv3", "repvgg", "shufflenetv2"])
def test_every_size_that_can_be_chosen_is_built(name):
    for size in FAMILIES[f"build_{name}_backbone"].sizes:
        settings = Backbone(name=f"build_{name}_backbone", depth=size)
        backbone, width = on_paper(lambda settings=settings: build_backbone(settings, (64, 64)))
        assert width == backbone.feature_dim


@pytest.mark.parametrize("last_stride", [1, 2])
@pytest.mark.parametrize(
    ("name", "size"),
    [("effnet", "b0"), ("effnet", "lite0"), ("mobilenetv3", "Small"), ("repvgg", "A0"), ("shufflenetv2", "0.5x")],
)
def test_feature_map_has_the_stride_that_the_configuration_tells(name, size, last_stride):
    family = FAMILIES[f"build_{name}_backbone"]
    settings = Backbone(name=f"build_{name}_backbone", depth=size, last_stride=last_stride)
    backbone, width = seeded(build_backbone, settings, (64, 32))
    stride = family.stride // 2 if family.last_stride and last_stride == 1 else family.stride
    with torch.no_grad():
        assert backbone.eval()(torch.rand(1, 3, 64, 32)).shape == (1, width, 64 // stride, 32 // stride)


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (32, 32), (58, 2), (24, 8), (7, 1)])
def test_group_norm_has_fastreids_32_groups_or_as_many_as_divide_the_channels(channels, groups):
    assert make_norm(Norm.GROUP, channels).num_groups == groups
