"""The maps that overhaul distillation compares, in every family; what brings one to another."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from reid_core.config import from_values
from reid_core.config.backbones import FAMILIES
from reid_core.distill.connector import Connector, resized_to
from reid_core.distill.overhaul import overhaul_margin
from reid_core.distill.stages import recorded, stages_of
from reid_core.errors import ConfigError
from reid_core.modeling.backbones import MobileNetV2, OSNet, RepVGG, ResNet, ResNetDepth, ShuffleNetV2
from reid_core.modeling.backbones.osnet import WIDTHS
from reid_core.modeling.backbones.repvgg import SIZES
from reid_core.modeling.layers import IbnKind
from reid_core.modeling.registry import build_backbone

SMALLEST = {
    "build_effnet_backbone": "lite0",
    "build_mobilenetv2_backbone": "0.1x",
    "build_mobilenetv3_backbone": "Small",
    "build_osnet_backbone": "ain_x0_25",
    "build_regnet_backbone": "200y",
    "build_repvgg_backbone": "A0",
    "build_resnest_backbone": "50x",
    "build_resnet_backbone": "18x",
    "build_resnext_backbone": "50x",
    "build_shufflenetv2_backbone": "0.5x",
}


def small(name, depth):
    settings = from_values({"MODEL.BACKBONE.NAME": name, "MODEL.BACKBONE.DEPTH": depth}).model.backbone
    return build_backbone(settings, (32, 32))[0]


def maps_of(backbone, stages, images):
    with torch.no_grad(), recorded(stages) as maps:
        result = backbone(images)
    return maps, result


@pytest.mark.slow
@pytest.mark.parametrize(("name", "depth"), SMALLEST.items())
def test_every_convolutional_family_shows_its_stages_before_their_relu(name, depth):
    backbone = small(name, depth)
    stages = stages_of(backbone, name=name)
    assert [stage.number for stage in stages] == ([2, 3, 4] if "shuffle" in name else [1, 2, 3, 4])
    maps, _ = maps_of(backbone, stages, torch.randn(2, 3, 64, 64))
    for stage in stages:
        assert maps[stage.number].shape[1] == stage.channels == stage.margin().shape[1]
        assert (maps[stage.number] < 0).any()
    heights = [maps[stage.number].shape[2] for stage in stages]
    assert heights[:3] == ([8, 4, 2] if "shuffle" in name else [16, 8, 4])


@pytest.mark.slow
def test_families_without_such_maps_are_refused_by_name():
    vit = small("build_vit_backbone", "deit_small")
    for backbone in (vit, nn.Identity(), nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())):
        with pytest.raises(ConfigError, match="none are found in the teacher"):
            stages_of(backbone, name="the teacher")
    assert set(SMALLEST) | {"build_vit_backbone"} == set(FAMILIES)


@pytest.mark.slow
@pytest.mark.parametrize("with_ibn", [False, True])
@pytest.mark.parametrize("depth", [ResNetDepth.R18, ResNetDepth.R50])
def test_the_maps_of_a_resnet_are_what_its_layers_rectify(depth, with_ibn):
    backbone = ResNet(depth, with_ibn=with_ibn, ibn_kind=IbnKind.B).eval()
    results = {}
    for number in (1, 2, 3, 4):
        last = getattr(backbone, f"layer{number}")[-1]
        last.register_forward_hook(lambda _m, _x, y, number=number: results.__setitem__(number, y.clone()))
    stages = stages_of(backbone, name="resnet")
    maps, _ = maps_of(backbone, stages, torch.randn(2, 3, 64, 32))
    for stage in stages:
        torch.testing.assert_close(functional.relu(maps[stage.number]), results[stage.number], rtol=0, atol=0)


@pytest.mark.slow
def test_margins_come_from_the_last_norm_of_the_stage():
    backbone = ResNet(ResNetDepth.R50)
    norm = backbone.layer3[-1].bn3
    with torch.no_grad():
        norm.weight.normal_()
        norm.bias.normal_()
    want = overhaul_margin(norm.weight.detach(), norm.bias.detach())
    assert torch.equal(stages_of(backbone, name="resnet")[2].margin().flatten(), want)


@pytest.mark.slow
def test_instance_normalised_sums_give_their_own_margins():
    backbone = OSNet(WIDTHS["x0_25"], with_ibn=True)
    stages = stages_of(backbone, name="osnet")
    assert stages[0].norms == (backbone.conv2[1].IN,)
    assert stages[1].norms == (backbone.conv3[1].conv3.bn,)
    assert stages[3].norms == (backbone.conv5.bn,)


def test_a_sum_of_normalised_branches_has_the_margin_of_the_sum():
    backbone = RepVGG(SIZES["A0"])
    block = backbone.stage2[-1]
    with torch.no_grad():
        block.rbr_identity.weight.fill_(3.0)
        block.rbr_dense.bn.weight.fill_(-4.0)
        block.rbr_1x1.bn.weight.fill_(12.0)
        block.rbr_1x1.bn.bias.fill_(0.5)
        block.rbr_dense.bn.bias.fill_(-0.25)
    want = overhaul_margin(torch.tensor([13.0]), torch.tensor([0.25])).item()
    assert stages_of(backbone, name="repvgg")[1].margin().flatten().tolist() == pytest.approx([want] * 96)


@pytest.mark.slow
@pytest.mark.parametrize("make", [lambda: ResNet(ResNetDepth.R18), ShuffleNetV2, lambda: MobileNetV2(0.1)])
def test_being_watched_changes_nothing_and_ends_with_the_block(make):
    backbone = make().train()
    state = {name: value.clone() for name, value in backbone.state_dict().items()}
    images = torch.randn(2, 3, 64, 64)

    def gradients():
        backbone.load_state_dict(state)
        backbone.zero_grad()
        result = backbone(images)
        result.square().sum().backward()
        return [result.detach(), *(parameter.grad.clone() for parameter in backbone.parameters())]

    alone = gradients()
    stages = stages_of(backbone, name="it")
    with recorded(stages) as maps:
        watched = gradients()
    assert all(torch.equal(a, b) for a, b in zip(alone, watched, strict=True))
    assert len(maps) == len(stages)
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in backbone.modules())
    inplace = [module.inplace for module in make().modules() if isinstance(module, nn.ReLU)]
    assert [module.inplace for module in backbone.modules() if isinstance(module, nn.ReLU)] == inplace


def test_connectors_bring_any_map_to_the_teachers_width_and_size():
    torch.manual_seed(0)
    connector = Connector(8, 12)
    x = torch.randn(4, 8, 8, 4, requires_grad=True)
    for size in ((8, 4), (4, 2), (16, 8), (4, 8)):
        y = connector(x, size)
        assert y.shape == (4, 12, *size)
        y.sum().backward()
    assert x.grad.isfinite().all()
    assert connector.conv.weight.std().item() == pytest.approx((2 / 12) ** 0.5, rel=0.2)


def test_larger_maps_are_averaged_and_smaller_ones_interpolated():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert resized_to(x, (4, 4)) is x
    assert resized_to(x, (2, 2)).tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
    assert torch.equal(resized_to(x, (8, 8)), functional.interpolate(x, size=(8, 8), mode="bilinear"))
