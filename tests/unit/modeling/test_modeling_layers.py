from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from reid_core.modeling.layers import (
    GeneralizedMean,
    GeneralizedMeanLearned,
    InstanceBatchNorm,
    NonLocal,
    Norm,
    Pool,
    SqueezeExcite,
    make_norm,
    make_pool,
)


def test_ibn_normalises_the_first_half_by_image_and_the_second_by_batch():
    layer, x = InstanceBatchNorm(7), 3 + 2 * torch.randn(4, 7, 5, 6)
    y = layer(x)
    first, second = x[:, :3], x[:, 3:]
    by_image = (first - first.mean((2, 3), keepdim=True)) / (
        first.var((2, 3), correction=0, keepdim=True) + 1e-5
    ).sqrt()
    by_batch = (second - second.mean((0, 2, 3), keepdim=True)) / (
        second.var((0, 2, 3), correction=0, keepdim=True) + 1e-5
    ).sqrt()
    torch.testing.assert_close(y, torch.cat((by_image, by_batch), 1), rtol=1e-4, atol=1e-5)


def test_ibn_of_a_model_in_half_precision_works():
    assert InstanceBatchNorm(4).bfloat16()(torch.randn(2, 4, 3, 3).bfloat16()).dtype is torch.bfloat16


def test_non_local_block_is_attention_over_all_positions():
    layer, x = NonLocal(6).eval(), torch.randn(2, 6, 3, 4)
    with torch.no_grad():
        layer.W[1].weight.uniform_(0.5, 1.5)
    theta, phi, g = (part(x).flatten(2).transpose(1, 2) for part in (layer.theta, layer.phi, layer.g))
    attention = theta @ phi.transpose(1, 2) / 12
    response = (attention @ g).transpose(1, 2).reshape(2, 1, 3, 4)
    torch.testing.assert_close(layer(x), layer.W(response) + x)


def test_new_non_local_block_changes_nothing():
    x = torch.randn(2, 6, 3, 4)
    torch.testing.assert_close(NonLocal(6)(x), x)


def test_squeeze_excite_scales_each_channel_by_its_own_factor():
    layer, x = SqueezeExcite(32, reduction=8), torch.randn(2, 32, 3, 4)
    hidden = torch.relu(x.mean((2, 3)) @ layer.fc[0].weight.T)
    scale = torch.sigmoid(hidden @ layer.fc[2].weight.T)
    torch.testing.assert_close(layer(x), x * scale[:, :, None, None])


def test_frozen_bias_takes_no_gradient_while_the_weight_does():
    layer = make_norm(Norm.BATCH, 4, bias_frozen=True)
    layer(torch.randn(2, 4, 3, 3)).sum().backward()
    assert layer.bias.grad is None
    assert layer.weight.grad is not None


def slow_gem(x, p):
    rows = [[(channel.clamp(min=1e-6) ** p).mean() ** (1 / p) for channel in image] for image in x]
    return torch.tensor(rows, dtype=x.dtype)


@pytest.mark.parametrize(
    ("pool", "definition"),
    [
        (Pool.AVERAGE, lambda x: x.mean((2, 3))),
        (Pool.FAST_AVERAGE, lambda x: x.mean((2, 3))),
        (Pool.MAX, lambda x: x.amax((2, 3))),
        (Pool.AVERAGE_PLUS_MAX, lambda x: x.mean((2, 3)) + x.amax((2, 3))),
        (Pool.CLIPPED_AVERAGE, lambda x: x.mean((2, 3)).clamp(0, 1)),
        (Pool.GENERALIZED_MEAN, lambda x: slow_gem(x, 3.0)),
        (Pool.GENERALIZED_MEAN_LEARNED, lambda x: slow_gem(x, 3.0)),
        (Pool.FLATTEN, lambda x: x.reshape(len(x), -1)),
    ],
)
def test_pooling_follows_its_definition_and_has_the_right_gradient(pool, definition):
    layer, x = make_pool(pool).double(), torch.randn(2, 3, 4, 2, dtype=torch.float64, requires_grad=True)
    assert layer(x).shape[2:] == (1, 1)
    torch.testing.assert_close(layer(x)[..., 0, 0], definition(x.detach()))
    assert torch.autograd.gradcheck(layer, x)


def test_identity_pooling_leaves_the_map_alone():
    x = torch.randn(2, 3, 4, 2)
    assert make_pool(Pool.IDENTITY)(x) is x


def test_gem_lies_between_average_and_maximum():
    x = torch.rand(2, 3, 8, 4) + 0.1
    torch.testing.assert_close(GeneralizedMean(1.0)(x), functional.adaptive_avg_pool2d(x, 1))
    torch.testing.assert_close(
        GeneralizedMean(200.0)(x.double()), functional.adaptive_max_pool2d(x.double(), 1), rtol=0.02, atol=0
    )


def test_gem_of_a_dead_channel_has_finite_gradients_for_input_and_exponent():
    layer, x = GeneralizedMeanLearned(3.0), torch.zeros(1, 2, 3, 3, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.isfinite().all()
    assert layer.p.grad.isfinite().all()
