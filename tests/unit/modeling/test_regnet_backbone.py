from __future__ import annotations

import pytest
import torch

from reid_core.modeling.backbones import RegNet
from reid_core.modeling.backbones.regnet import SIZES, stages_of
from reid_core.modeling.layers import Norm

# blocks and widths of the stages: figures 24 and 25 of the paper; parameters with a classifier of 1000 classes
PUBLISHED = {
    "200x": ([1, 1, 4, 7], [24, 56, 152, 368], 2_684_792),
    "400x": ([1, 2, 7, 12], [32, 64, 160, 384], 5_157_512),
    "800x": ([1, 3, 7, 5], [64, 128, 288, 672], 7_259_656),
    "1600x": ([2, 4, 10, 2], [72, 168, 408, 912], 9_190_136),
    "3200x": ([2, 6, 15, 2], [96, 192, 432, 1008], 15_296_552),
    "4000x": ([2, 5, 14, 2], [80, 240, 560, 1360], 22_118_248),
    "6400x": ([2, 4, 10, 1], [168, 392, 784, 1624], 26_209_256),
    "200y": ([1, 1, 4, 7], [24, 56, 152, 368], 3_162_996),
    "400y": ([1, 3, 6, 6], [48, 104, 208, 440], 4_344_144),
    "800y": ([1, 3, 8, 2], [64, 128, 320, 768], 6_263_168),
    "1600y": ([2, 6, 17, 2], [48, 120, 336, 888], 11_202_430),
    "3200y": ([2, 5, 13, 1], [72, 216, 576, 1512], 19_436_338),
    "4000y": ([2, 6, 12, 2], [128, 192, 512, 1088], 20_646_656),
    "6400y": ([2, 7, 14, 2], [144, 288, 576, 1296], 30_583_252),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_stages_and_parameters_are_the_published_ones(name):
    blocks, widths, parameters = PUBLISHED[name]
    assert stages_of(SIZES[name]) == list(zip(widths, blocks, strict=True))
    with torch.device("meta"):
        backbone = RegNet(SIZES[name])
    assert backbone.feature_dim == widths[-1]
    assert sum(each.numel() for each in backbone.parameters()) == parameters - 1000 * (widths[-1] + 1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "entries"), [("400x", 426), ("800y", 338)])
def test_state_dict_has_as_many_entries_as_fastreids(name, entries):
    with torch.device("meta"):
        assert len(RegNet(SIZES[name]).state_dict()) == entries


@pytest.mark.slow
def test_squeeze_excitation_of_y_is_a_quarter_of_the_blocks_input():
    with torch.device("meta"):
        keys = RegNet(SIZES["800y"]).state_dict()
        assert not [key for key in RegNet(SIZES["800x"]).state_dict() if ".se." in key]
    assert keys["s2.b1.f.se.f_ex.0.weight"].shape == (16, 128, 1, 1)
    assert keys["s2.b2.f.se.f_ex.0.weight"].shape == (32, 128, 1, 1)


def test_squeeze_excitation_scales_each_channel_by_its_own_factor():
    torch.manual_seed(0)
    module = RegNet(SIZES["200y"]).s1.b1.f.se
    x = torch.randn(2, 24, 3, 2)
    first, second = module.f_ex[0], module.f_ex[2]
    hidden = (x.mean((2, 3)) @ first.weight[:, :, 0, 0].T + first.bias).relu()
    scale = torch.sigmoid(hidden @ second.weight[:, :, 0, 0].T + second.bias)
    torch.testing.assert_close(module(x), x * scale[:, :, None, None])


@pytest.mark.parametrize(("last_stride", "size"), [(1, (4, 2)), (2, (2, 1))])
def test_last_stride_sets_the_feature_map(last_stride, size):
    with torch.no_grad():
        got = RegNet(SIZES["200x"], last_stride=last_stride).eval()(torch.zeros(1, 3, 64, 32))
    assert got.shape == (1, 368, *size)


@pytest.mark.slow
@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.GROUP])
def test_every_parameter_is_trained(norm):
    torch.manual_seed(0)
    model = RegNet(SIZES["200y"], norm=norm).train()
    model(torch.randn(2, 3, 64, 32)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.slow
def test_channels_last_and_an_exported_program_give_the_same_map():
    torch.manual_seed(0)
    model = RegNet(SIZES["200y"]).eval()
    x = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        want = model(x)
        torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), want)
        moved = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        torch.testing.assert_close(moved, want, rtol=1e-4, atol=1e-5)
