from __future__ import annotations

import pytest
import torch

from reid_core.config.schema import Config
from reid_core.config.schema.losses import Center, Circle, Cosface, CrossEntropy, Focal, Triplet
from reid_core.config.schema.losses import Losses as LossSettings
from reid_core.config.schema.model import Model
from reid_core.errors import ConfigError
from reid_core.losses import (
    BranchOutputs,
    Metric,
    Mining,
    Spread,
    adaptive_cross_entropy,
    build_losses,
    center_loss,
    circle_loss,
    cosface_loss,
    cross_entropy,
    focal_loss,
    triplet_loss,
)

TARGETS = torch.tensor([0, 0, 1, 1, 2, 2])


def branch(seed=0, width=4):
    generator = torch.Generator().manual_seed(seed)
    return BranchOutputs(torch.randn(6, width, generator=generator), torch.randn(6, 3, generator=generator))


@pytest.fixture
def outputs():
    return branch()


def losses_of(*names, dims=4, **settings):
    config = Config(model=Model(losses=LossSettings(name=names, **settings)))
    return build_losses(config, 3, dims)


def test_each_loss_is_weighted_named_and_in_the_order_of_the_configuration(outputs):
    losses = losses_of(
        "TripletLoss",
        "CrossEntropyLoss",
        "CenterLoss",
        ce=CrossEntropy(epsilon=0.1, scale=2.0),
        tri=Triplet(margin=0.4, hard_mining=True, scale=3.0),
        center=Center(scale=0.5),
    )
    terms = losses({"": outputs}, TARGETS)
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
    (term,) = losses_of("TripletLoss", tri=settings)({"": outputs}, TARGETS).values()
    torch.testing.assert_close(term, triplet_loss(outputs.features, TARGETS, **arguments))


@pytest.mark.parametrize(
    ("name", "settings", "logged", "expected"),
    [
        (
            "CrossEntropyLoss",
            {"ce": CrossEntropy(epsilon=-1.0, alpha=0.3)},
            "loss_cls",
            lambda one: adaptive_cross_entropy(one.logits, TARGETS, alpha=0.3),
        ),
        (
            "CrossEntropyLoss",
            {"ce": CrossEntropy(epsilon=0.3, spread="all_classes")},
            "loss_cls",
            lambda one: cross_entropy(one.logits, TARGETS, smoothing=0.3, spread=Spread.ALL_CLASSES),
        ),
        (
            "FocalLoss",
            {"fl": Focal(alpha=0.5, gamma=1.5, scale=2.0)},
            "loss_focal",
            lambda one: 2 * focal_loss(one.logits, TARGETS, alpha=0.5, gamma=1.5),
        ),
        (
            "CircleLoss",
            {"circle": Circle(margin=0.4, gamma=64, scale=2.0)},
            "loss_circle",
            lambda one: 2 * circle_loss(one.features, TARGETS, margin=0.4, gamma=64),
        ),
        (
            "Cosface",
            {"cosface": Cosface(margin=0.4, gamma=64, scale=2.0)},
            "loss_cosface",
            lambda one: 2 * cosface_loss(one.features, TARGETS, margin=0.4, gamma=64),
        ),
    ],
    ids=["adaptive", "spread", "focal", "circle", "cosface"],
)
def test_settings_reach_the_loss(outputs, name, settings, logged, expected):
    terms = losses_of(name, **settings)({"": outputs}, TARGETS)
    assert list(terms) == [logged]
    torch.testing.assert_close(terms[logged], expected(outputs))


def test_a_loss_is_the_mean_over_the_branches_that_have_what_it_sees():
    one, other, third = branch(0), branch(1), branch(2, width=7)
    given = {
        "b1": one,
        "b21": BranchOutputs(logits=other.logits),
        "b22": BranchOutputs(features=third.features),
    }
    losses = losses_of("CrossEntropyLoss", "TripletLoss", dims={"b1": 4, "b22": 7}, tri=Triplet(hard_mining=True))
    terms = losses(given, TARGETS)
    assert list(terms) == ["loss_cls_b1", "loss_cls_b21", "loss_triplet_b1", "loss_triplet_b22"]
    torch.testing.assert_close(terms["loss_cls_b21"], cross_entropy(other.logits, TARGETS) / 2)
    torch.testing.assert_close(terms["loss_triplet_b22"], triplet_loss(third.features, TARGETS) / 2)


def test_each_branch_has_centers_of_its_own_width():
    losses = losses_of("CenterLoss", dims={"b1": 4, "b22": 7}, center=Center(scale=1.0))
    state = losses.state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == {
        "loss_center_b1.centers": (3, 4),
        "loss_center_b22.centers": (3, 7),
    }
    wide = branch(1, width=7)
    terms = losses({"b1": branch(0), "b22": wide}, TARGETS)
    expected = center_loss(wide.features, TARGETS, state["loss_center_b22.centers"]) / 2
    torch.testing.assert_close(terms["loss_center_b22"], expected)


def test_loss_that_no_branch_can_feed_is_not_left_out_in_silence(outputs):
    losses = losses_of("CrossEntropyLoss", "TripletLoss")
    with pytest.raises(TypeError, match="loss_cls sees logits"):
        losses({"": BranchOutputs(features=outputs.features)}, TARGETS)


def test_only_center_loss_has_parameters():
    assert list(losses_of("CrossEntropyLoss", "TripletLoss").parameters()) == []
    assert [tuple(p.shape) for p in losses_of("CenterLoss").parameters()] == [(3, 4)]


def test_unknown_loss_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean TripletLoss") as caught:
        losses_of("TripleLoss")
    assert caught.value.findings[0].key == "MODEL.LOSSES.NAME"
