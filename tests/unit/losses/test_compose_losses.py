from __future__ import annotations

import pytest
import torch

from reid_core.config.schema import Config
from reid_core.config.schema.losses import Center, CrossEntropy, Triplet
from reid_core.config.schema.losses import Losses as LossSettings
from reid_core.config.schema.model import Model
from reid_core.errors import ConfigError
from reid_core.losses import Metric, Mining, adaptive_cross_entropy, build_losses, cross_entropy, triplet_loss
from reid_core.modeling import HeadOutputs

TARGETS = torch.tensor([0, 0, 1, 1, 2, 2])


@pytest.fixture
def outputs():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 3, generator=generator)
    return HeadOutputs(torch.randn(6, 4, generator=generator), logits, logits)


def losses_of(*names, **settings):
    config = Config(model=Model(losses=LossSettings(name=names, **settings)))
    return build_losses(config, 3, 4)


def test_each_loss_is_weighted_named_and_in_the_order_of_the_configuration(outputs):
    losses = losses_of(
        "TripletLoss",
        "CrossEntropyLoss",
        "CenterLoss",
        ce=CrossEntropy(epsilon=0.1, scale=2.0),
        tri=Triplet(margin=0.4, hard_mining=True, scale=3.0),
        center=Center(scale=0.5),
    )
    terms = losses(outputs, TARGETS)
    assert list(terms) == ["loss_triplet", "loss_cls", "loss_center"]
    torch.testing.assert_close(terms["loss_triplet"], 3 * triplet_loss(outputs.features, TARGETS, margin=0.4))
    torch.testing.assert_close(terms["loss_cls"], 2 * cross_entropy(outputs.logits, TARGETS, smoothing=0.1))
    centers = losses.state_dict()["loss_center.centers"]
    own = (outputs.features - centers[TARGETS]).square().sum(1).mean()
    torch.testing.assert_close(terms["loss_center"], 0.5 * own)


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        (Triplet(hard_mining=True), {}),
        (Triplet(hard_mining=False), {"mining": Mining.WEIGHTED}),
        (Triplet(hard_mining=True, norm_feat=True), {"metric": Metric.COSINE}),
        (Triplet(hard_mining=True, soft_margin=True), {"soft_margin": True}),
        (Triplet(hard_mining=True, margin=0.0), {"soft_margin": True}),
    ],
    ids=["hard", "weighted", "cosine", "soft", "margin-0-is-soft"],
)
def test_triplet_settings_reach_the_loss(outputs, settings, arguments):
    (term,) = losses_of("TripletLoss", tri=settings)(outputs, TARGETS).values()
    torch.testing.assert_close(term, triplet_loss(outputs.features, TARGETS, **arguments))


def test_epsilon_minus_one_adapts_the_smoothing(outputs):
    (term,) = losses_of("CrossEntropyLoss", ce=CrossEntropy(epsilon=-1.0, alpha=0.3))(outputs, TARGETS).values()
    torch.testing.assert_close(term, adaptive_cross_entropy(outputs.logits, TARGETS, alpha=0.3))


def test_only_center_loss_has_parameters():
    assert list(losses_of("CrossEntropyLoss", "TripletLoss").parameters()) == []
    assert [tuple(p.shape) for p in losses_of("CenterLoss").parameters()] == [(3, 4)]


def test_unknown_loss_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean TripletLoss") as caught:
        losses_of("TripleLoss")
    assert caught.value.findings[0].key == "MODEL.LOSSES.NAME"
