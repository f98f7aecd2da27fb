"""RepVGG and its form for inference."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_core.modeling.backbones import MobileNetV3, MobileNetV3Size, RepVGG
from reid_core.modeling.backbones.repvgg import SIZES, RepVGGBlock, RepVGGSize
from reid_core.modeling.layers import Norm
from reid_core.modeling.reparameterise import reparameterised

TINY = RepVGGSize((1, 3, 2, 1), (0.25, 0.25, 0.125, 0.0625), groups=2)

# millions, table 4 of the paper: the form for inference with a classifier of 1000 classes
PUBLISHED = {
    "A0": 8.30,
    "A1": 12.78,
    "A2": 25.49,
    "B0": 14.33,
    "B1": 51.82,
    "B1g2": 41.36,
    "B1g4": 36.12,
    "B2": 80.31,
    "B2g4": 55.77,
    "B3": 110.96,
    "B3g4": 75.62,
}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def lively(module):
    """With norms whose statistics and parameters say something."""
    generator = torch.Generator().manual_seed(1)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.SyncBatchNorm):
            for tensor in (layer.weight.data, layer.running_var):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
            for tensor in (layer.bias.data, layer.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return module


@pytest.mark.slow
@pytest.mark.parametrize("size", PUBLISHED)
def test_fused_repvgg_has_the_published_number_of_parameters(size):
    with torch.device("meta"):
        backbone = RepVGG(SIZES[size])
        small = reparameterised(backbone)
    assert (count(small) + 1000 * (small.feature_dim + 1)) / 1e6 == pytest.approx(PUBLISHED[size], abs=0.011)
    assert count(small) < count(backbone)


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.SYNC_BATCH])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
def test_fused_repvgg_gives_the_same_features(norm, dtype, tolerance):
    backbone = lively(RepVGG(TINY, norm=norm)).to(dtype).eval()
    x = torch.randn(2, 3, 64, 32, dtype=dtype)
    with torch.no_grad():
        want, got = backbone(x), reparameterised(backbone)(x)
    assert (got - want).abs().max() <= tolerance * want.abs().max()


@pytest.mark.parametrize(("channels", "stride", "groups"), [(8, 1, 1), (8, 1, 4), (8, 2, 2), (4, 1, 2)])
def test_a_block_of_any_shape_is_fused_into_one_convolution(channels, stride, groups):
    block = lively(RepVGGBlock(channels, 8, stride=stride, groups=groups)).double().eval()
    assert (block.rbr_identity is not None) == (channels == 8 and stride == 1)
    x = torch.randn(2, channels, 6, 5, dtype=torch.float64)
    small = reparameterised(block)
    torch.testing.assert_close(small(x), block(x), rtol=1e-10, atol=1e-10)
    assert list(small.state_dict()) == ["rbr_reparam.weight", "rbr_reparam.bias"]


def test_fusing_reaches_blocks_inside_a_model_and_leaves_the_model_alone():
    model = nn.ModuleDict({"backbone": lively(RepVGG(TINY)), "heads": nn.Linear(32, 5)}).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    small = reparameterised(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert not any(module.training for module in small.modules())
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], value) for key, value in before.items())
    keys = set(small.state_dict())
    assert {"heads.weight", "backbone.stage0.rbr_reparam.weight", "backbone.stage2.1.rbr_reparam.bias"} <= keys
    assert not [key for key in keys if "rbr_" in key and "rbr_reparam" not in key]


def test_fused_convolutions_keep_channels_last():
    backbone = RepVGG(TINY).to(memory_format=torch.channels_last)
    weight = reparameterised(backbone).stage0.rbr_reparam.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_fusing_twice_is_fusing_once():
    once = reparameterised(lively(RepVGG(TINY)))
    twice = reparameterised(once).state_dict()
    assert all(torch.equal(twice[key], value) for key, value in once.state_dict().items())


@pytest.mark.slow
def test_group_norm_and_other_networks_stay_as_they_are():
    for model in (RepVGG(TINY, norm=Norm.GROUP), MobileNetV3(MobileNetV3Size.SMALL)):
        assert list(reparameterised(model).state_dict()) == list(model.state_dict())
