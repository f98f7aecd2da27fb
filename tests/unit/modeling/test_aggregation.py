"""Attention pooling, and heads on what it and the other pools leave."""

from __future__ import annotations

import math

import pytest
import torch

from reid_core.errors import ConfigError
from reid_core.modeling.heads import EmbeddingHead
from reid_core.modeling.layers import Pool, SoftmaxAttention, make_pool


def slow_attention(x, scores):
    rows = []
    for image in x:
        cells = [image[:, i, j] for i in range(image.shape[1]) for j in range(image.shape[2])]
        exponentials = [math.exp(sum(w * v for w, v in zip(scores, cell.tolist(), strict=True))) for cell in cells]
        total = sum(exponentials)
        rows.append(sum(cell * weight / total for cell, weight in zip(cells, exponentials, strict=True)))
    return torch.stack(rows)


def test_attention_follows_its_definition_and_has_the_right_gradient():
    layer, x = SoftmaxAttention(3).double(), torch.randn(2, 3, 4, 2, dtype=torch.float64, requires_grad=True)
    torch.nn.init.normal_(layer.score.weight)
    pooled = layer(x)
    assert pooled.shape == (2, 3, 1, 1)
    expected = slow_attention(x.detach(), layer.score.weight.detach().flatten().tolist())
    torch.testing.assert_close(pooled[..., 0, 0], expected)
    assert torch.autograd.gradcheck(layer, x)


def test_new_attention_is_average_pooling_and_learns():
    layer, x = make_pool(Pool.SOFTMAX_ATTENTION, 3), torch.randn(2, 3, 4, 2)
    pooled = layer(x)
    torch.testing.assert_close(pooled, x.mean((2, 3), keepdim=True))
    pooled.square().sum().backward()
    assert layer.score.weight.grad.any()


def test_scores_over_88_and_half_precision_stay_finite():
    layer, x = SoftmaxAttention(2).bfloat16(), 100 * torch.randn(2, 2, 3, 3).bfloat16()
    torch.nn.init.constant_(layer.score.weight, 50.0)
    x.requires_grad_()
    layer(x).sum().backward()
    assert x.grad.isfinite().all()
    assert layer.score.weight.grad.isfinite().all()


def test_attention_must_be_told_its_channels():
    with pytest.raises(ValueError, match="channels"):
        make_pool(Pool.SOFTMAX_ATTENTION)


@pytest.mark.parametrize("pool", [pool for pool in Pool if pool is not Pool.FLATTEN])
@pytest.mark.parametrize("options", [{}, {"embedding_dim": 3}, {"with_bnneck": False}], ids=["neck", "reduced", "bare"])
def test_a_vector_an_image_is_as_good_as_a_map_of_one_cell(pool, options):
    head, vectors = EmbeddingHead(8, 5, pool=pool, **options), torch.rand(6, 8)
    flat, cells = head(vectors), head(vectors[:, :, None, None])
    torch.testing.assert_close(flat.logits, cells.logits, rtol=0, atol=0)
    assert flat.features.shape == (6, head.metric_dim)
    assert head.eval()(vectors).shape == (6, head.embedding_dim)


@pytest.mark.parametrize("pool", [pool for pool in Pool if pool not in {Pool.FLATTEN, Pool.IDENTITY}])
def test_every_pool_trains_in_a_head(pool):
    head, x = EmbeddingHead(8, 5, pool=pool), torch.rand(4, 8, 3, 2, requires_grad=True)
    head(x, torch.tensor([0, 1, 2, 3])).logits.square().sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.any()


def test_flatten_takes_every_cell():
    head = EmbeddingHead(8 * 6, 5, pool=Pool.FLATTEN, with_bnneck=False).eval()
    x = torch.randn(2, 8, 3, 2)
    torch.testing.assert_close(head(x), x.reshape(2, -1))


@pytest.mark.parametrize(("pool", "width"), [(Pool.IDENTITY, 8), (Pool.FLATTEN, 8)])
def test_pool_that_leaves_no_vector_of_the_heads_width_is_refused(pool, width):
    head = EmbeddingHead(width, 5, pool=pool)
    with pytest.raises(ConfigError) as caught:
        head(torch.randn(2, 8, 3, 2))
    assert caught.value.findings[0].key == "MODEL.HEADS.POOL_LAYER"
