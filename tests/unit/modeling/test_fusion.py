"""Batch norms inside convolutions: the same embeddings, the same model afterwards."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from reid_core.config import from_values
from reid_core.modeling import build_model
from reid_core.modeling.fusion import fused, pairs


def stirred(model):
    """The model with weights and statistics that leave no factor at 1."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return model.eval()


def norms_in(model):
    return sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.backbone.modules())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "depth", "switches", "left"),
    [
        ("build_mobilenetv2_backbone", "0.1x", {}, 0),
        ("build_resnet_backbone", "18x", {}, 0),
        ("build_resnet_backbone", "18x", {"WITH_IBN": True, "WITH_SE": True}, 6),
        ("build_resnet_backbone", "18x", {"NORM": "syncBN"}, 0),
    ],
)
def test_a_fused_backbone_computes_the_same_features(name, depth, switches, left):
    values = {"NAME": name, "DEPTH": depth, "PRETRAIN": False} | switches
    model = stirred(build_model(from_values({f"MODEL.BACKBONE.{key}": value for key, value in values.items()}), 4))
    assert len(pairs(model)) == norms_in(model) - left  # IBN splits what the convolution makes: nothing to swallow
    images = torch.randint(0, 256, (2, 3, 64, 32), dtype=torch.uint8)
    with torch.inference_mode():
        want = model.embed(images)
        with fused(model):
            assert norms_in(model) == left
            got = model.embed(images)
    assert (got - want).abs().max() <= 1e-5 * want.abs().max()


class Odd(nn.Module):
    """What must not be fused: a result used twice, a norm before its convolution, one norm for two convolutions."""

    def __init__(self):
        super().__init__()
        self.twice, self.twice_norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.norm, self.conv = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)
        self.first, self.second, self.shared = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.good, self.good_norm = nn.Conv2d(3, 3, 3, padding=1, groups=3), nn.BatchNorm2d(3, affine=False)

    def forward(self, x):
        y = self.twice(x)
        x = y + self.twice_norm(y)
        x = self.conv(self.norm(x))
        x = self.shared(self.first(x)) + self.shared(self.second(x))
        return self.good_norm(self.good(x))


def test_only_a_norm_that_alone_uses_a_convolution_is_swallowed():
    model = Odd()
    model.good_norm.running_var.fill_(2.0)
    model.eval()
    assert [(pair.convolution, pair.norm) for pair in pairs(model)] == [("good", "good_norm")]
    x = torch.randn(2, 3, 4, 4)
    want = model(x)
    with fused(model):
        torch.testing.assert_close(model(x), want, rtol=1e-5, atol=1e-6)


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm(self.conv(x)) if x.sum() > 0 else x


def test_code_that_cannot_be_traced_is_left_alone():
    assert pairs(Branching()) == []


def test_a_block_that_stands_in_two_places_is_left_alone():
    block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    assert pairs(nn.Sequential(block, nn.ReLU())) != []
    assert pairs(nn.Sequential(block, block)) == []


def test_the_model_is_its_own_again_afterwards_whatever_happens():
    model = stirred(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)))
    before, children = copy.deepcopy(model.state_dict()), list(model.children())
    with pytest.raises(RuntimeError, match="channels"), fused(model):
        model(torch.zeros(1, 7, 2, 2))
    assert all(one is other for one, other in zip(model.children(), children, strict=True))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model[0].weight.requires_grad


def test_weights_that_move_between_two_looks_are_seen():
    model = stirred(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)))
    x = torch.randn(2, 3, 2, 2)
    with fused(model):
        first = model(x)
    model[1].running_mean.add_(1.0)
    with fused(model):
        assert not torch.allclose(model(x), first)
        torch.testing.assert_close(model(x), model(x))
    with fused(model):
        fresh = model(x)
    torch.testing.assert_close(fresh, model(x), rtol=1e-5, atol=1e-6)


def test_a_norm_that_trains_is_not_swallowed():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    with fused(model):
        assert isinstance(model[1], nn.BatchNorm2d)
