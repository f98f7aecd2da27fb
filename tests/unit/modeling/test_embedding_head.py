from __future__ import annotations

import pytest
import torch

from reid_core.errors import ConfigError
from reid_core.modeling.heads import EmbeddingHead, HeadOutputs, NeckFeature


@pytest.fixture
def feature_map():
    return torch.randn(6, 8, 4, 2)


def test_training_gives_features_before_the_neck_and_logits_after_it(feature_map):
    head = EmbeddingHead(8, 5)
    outputs = head(feature_map)
    pooled = feature_map.mean((2, 3))
    after = (pooled - pooled.mean(0)) / (pooled.var(0, correction=0) + 1e-5).sqrt()
    assert isinstance(outputs, HeadOutputs)
    torch.testing.assert_close(outputs.features, pooled)
    torch.testing.assert_close(outputs.logits, after @ head.weight.T, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(outputs.plain_logits, outputs.logits)


def test_neck_feature_after_gives_metric_losses_the_normalised_features(feature_map):
    head = EmbeddingHead(8, 5, neck_feature=NeckFeature.AFTER)
    torch.testing.assert_close(head(feature_map).features.mean(0), torch.zeros(8), rtol=0, atol=1e-5)


@pytest.mark.parametrize("neck_feature", list(NeckFeature))
def test_evaluation_gives_the_embedding_after_the_neck(feature_map, neck_feature):
    head = EmbeddingHead(8, 5, neck_feature=neck_feature).eval()
    neck = head.bottleneck[0]
    neck.running_mean.uniform_()
    expected = (feature_map.mean((2, 3)) - neck.running_mean) / (1 + 1e-5) ** 0.5
    torch.testing.assert_close(head(feature_map), expected)


def test_neck_bias_never_trains_and_starts_at_zero(feature_map):
    head = EmbeddingHead(8, 5)
    head(feature_map).logits.sum().backward()
    neck = head.bottleneck[0]
    assert neck.bias.tolist() == [0.0] * 8
    assert neck.bias.grad is None
    assert neck.weight.grad is not None


def test_head_without_neck_classifies_the_pooled_features(feature_map):
    head = EmbeddingHead(8, 5, with_bnneck=False)
    torch.testing.assert_close(head(feature_map).logits, feature_map.mean((2, 3)) @ head.weight.T)
    torch.testing.assert_close(head.eval()(feature_map), feature_map.mean((2, 3)))


@pytest.mark.parametrize(("neck_feature", "metric_dim"), [(NeckFeature.BEFORE, 8), (NeckFeature.AFTER, 3)])
def test_reduction_shortens_embedding_and_classifier(feature_map, neck_feature, metric_dim):
    head = EmbeddingHead(8, 5, embedding_dim=3, neck_feature=neck_feature)
    outputs = head(feature_map)
    assert head.metric_dim == outputs.features.shape[1] == metric_dim
    assert (head.embedding_dim, head.num_classes) == (3, 5)
    assert head.weight.shape == (5, 3)
    assert head.eval()(feature_map).shape == (6, 3)


def test_a_backbone_that_gives_other_channels_than_it_says_is_blamed_and_not_the_pool(feature_map):
    with pytest.raises(ConfigError) as caught:
        EmbeddingHead(7, 5)(feature_map)
    (finding,) = caught.value.findings
    assert finding.key == "MODEL.BACKBONE.NAME"
    assert "says feature_dim 7, and gives 8 channels" in finding.hint
