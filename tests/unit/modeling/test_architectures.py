"""What the meta-architectures make of backbone and heads: branches, embeddings, memories."""

from __future__ import annotations

import pytest
import torch

from reid_core.config.convert import tree_of
from reid_core.errors import ConfigError
from reid_core.losses import BranchOutputs, build_losses, center_loss, cosface_loss
from reid_core.modeling import build_model
from reid_core.modeling.architectures.memory import FeatureMemory
from reid_core.modeling.architectures.stripes import stripes
from reid_core.solver import LayerFreeze, build_loss_optimizer

RESNET = {"MODEL.BACKBONE.NAME": "build_resnet_backbone", "MODEL.BACKBONE.DEPTH": "18x"}
MOBILE = {"MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone", "MODEL.BACKBONE.DEPTH": "0.1x"}
HEAD = {"MODEL.HEADS.WITH_BNNECK": True, "MODEL.HEADS.EMBEDDING_DIM": 8}
MGN = RESNET | HEAD | {"MODEL.META_ARCHITECTURE": "MGN"}
PCB = MOBILE | HEAD | {"MODEL.META_ARCHITECTURE": "PCB", "MODEL.HEADS.PARTS": 2}
MOCO = MOBILE | {"MODEL.META_ARCHITECTURE": "MoCo", "MODEL.QUEUE_SIZE": 12}
TARGETS = torch.tensor([0, 0, 1, 1])


def model_of(values):
    torch.manual_seed(0)
    return build_model(tree_of(values), 5)


def images(height=64, width=32, count=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)


EVERY_LOSS = ["CrossEntropyLoss", "TripletLoss", "CenterLoss", "CircleLoss", "Cosface", "FocalLoss"]


@pytest.mark.slow
@pytest.mark.parametrize("values", [MOBILE, MGN, PCB, MOCO], ids=["Baseline", "MGN", "PCB", "MoCo"])
def test_every_loss_trains_every_architecture_on_branches_of_the_promised_widths(values):
    config = tree_of(values | {"MODEL.LOSSES.NAME": EVERY_LOSS})
    model = model_of(values)
    outputs = model.outputs(images(), TARGETS)
    widths = {branch: one.features.shape[1] for branch, one in outputs.items() if one.features is not None}
    assert widths == dict(model.metric_dims)
    assert all(one.logits.shape == (4, 5) for one in outputs.values() if one.logits is not None)
    losses = build_losses(config, model.num_classes, model.metric_dims)
    terms = losses(outputs, TARGETS) | model.own_losses(outputs, TARGETS)
    torch.stack(list(terms.values())).sum().backward()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in trained)
    assert model.eval().embed(images()).shape == (4, model.embedding_dim)


@pytest.mark.slow
def test_losses_of_mgn_are_named_and_weighted_as_fastreids():
    config = tree_of(MGN | {"MODEL.LOSSES.NAME": ["CrossEntropyLoss", "TripletLoss"]})
    model = model_of(MGN)
    outputs = model.outputs(images(), TARGETS)
    terms = build_losses(config, 5, model.metric_dims)(outputs, TARGETS)
    branches = ["b1", "b2", "b21", "b22", "b3", "b31", "b32", "b33"]
    assert list(terms) == [f"loss_cls_{one}" for one in branches] + [
        f"loss_triplet_{one}" for one in branches if one in {"b1", "b2", "b22", "b3", "b33"}
    ]
    expected = torch.nn.functional.cross_entropy(outputs["b31"].logits, TARGETS) / 8
    torch.testing.assert_close(terms["loss_cls_b31"], expected)


def test_centers_of_each_branch_follow_its_own_unweighted_loss():
    config = tree_of(MGN | {"MODEL.LOSSES.NAME": ["CenterLoss"], "MODEL.LOSSES.CENTER.SCALE": 0.001})
    losses = build_losses(config, 5, {"b1": 3, "b22": 6})
    optimizer = build_loss_optimizer(config, losses)
    before = losses.state_dict()["loss_center_b22.centers"].clone()
    features = {"b1": BranchOutputs(torch.randn(4, 3)), "b22": BranchOutputs(torch.randn(4, 6))}
    torch.stack(list(losses(features, TARGETS).values())).sum().backward()
    optimizer.step()
    alone = before.clone().requires_grad_()
    center_loss(features["b22"].features, TARGETS, alone).backward()
    torch.testing.assert_close(losses.state_dict()["loss_center_b22.centers"], before - 0.5 * alone.grad)


@pytest.mark.slow
def test_embedding_of_mgn_is_the_maps_of_whole_image_halves_and_thirds_in_fastreids_order():
    model = model_of(MGN).eval()
    batch = images(96)
    with torch.no_grad():
        shared = model.backbone(model.normalise(batch))
        whole, halves, thirds = model.b1(shared), model.b2(shared), model.b3(shared)
        assert halves.shape[2] == 6
        parts = [
            model.b1_head(whole),
            model.b2_head(halves),
            model.b3_head(thirds),
            model.b21_head(halves[:, :, :3]),
            model.b22_head(halves[:, :, 3:]),
            model.b31_head(thirds[:, :, :2]),
            model.b32_head(thirds[:, :, 2:4]),
            model.b33_head(thirds[:, :, 4:]),
        ]
        torch.testing.assert_close(model.embed(batch), torch.cat(parts, 1), rtol=0, atol=0)


@pytest.mark.slow
def test_branches_of_mgn_start_alike_and_only_the_whole_images_keeps_the_last_stride():
    model = model_of(MGN | {"MODEL.BACKBONE.LAST_STRIDE": 2})
    one, two, three = model.b1.state_dict(), model.b2.state_dict(), model.b3.state_dict()
    assert all(torch.equal(value, two[key]) and torch.equal(value, three[key]) for key, value in one.items())
    assert not {id(value) for value in model.b1.parameters()} & {id(value) for value in model.b2.parameters()}
    shared = model.backbone(model.normalise(images(96)))
    assert [branch(shared).shape[2] for branch in (model.b1, model.b2, model.b3)] == [3, 6, 6]


@pytest.mark.slow
def test_layers_that_fastreid_freezes_are_parts_of_mgn():
    model = model_of(MGN)
    LayerFreeze(model, ["backbone", "b1", "b2", "b3"], 5).apply(0)
    assert {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad} == {
        f"{branch}_head" for branch in ("b1", "b2", "b21", "b22", "b3", "b31", "b32", "b33")
    }


def test_mgn_of_another_backbone_is_refused():
    with pytest.raises(ConfigError, match="ResNet"):
        model_of(MGN | MOBILE)


@pytest.mark.parametrize(
    ("height", "count", "heights"),
    [(6, 3, [2, 2, 2]), (8, 3, [3, 3, 2]), (16, 3, [6, 6, 4]), (4, 3, [2, 1, 1]), (3, 3, [1, 1, 1]), (5, 2, [3, 2])],
)
def test_stripes_cover_the_map_from_top_to_bottom(height, count, heights):
    feature_map = torch.arange(height).float().view(1, 1, height, 1)
    parts = stripes(feature_map, count)
    assert [part.shape[2] for part in parts] == heights
    assert torch.equal(torch.cat(parts, dim=2), feature_map)


def test_map_lower_than_its_stripes_is_refused():
    with pytest.raises(ConfigError, match="2 rows high has no 3 stripes"):
        stripes(torch.zeros(1, 1, 2, 1), 3)


def test_pcb_classifies_each_stripe_alone_and_compares_and_embeds_all_of_them():
    model = model_of(PCB)
    batch = images()
    outputs = model.outputs(batch, TARGETS)
    assert [(name, one.features is None, one.logits is None) for name, one in outputs.items()] == [
        ("", False, True),
        ("p1", True, False),
        ("p2", True, False),
    ]
    model.eval()
    with torch.no_grad():
        top, bottom = model.feature_map(batch).chunk(2, dim=2)
        expected = torch.cat([model.heads[0](top), model.heads[1](bottom)], 1)
        torch.testing.assert_close(model.embed(batch), expected, rtol=0, atol=0)
    assert model.embedding_dim == 16


def test_flatten_reaches_every_cell_of_the_feature_map():
    size = {"INPUT.SIZE_TRAIN": [64, 64], "INPUT.SIZE_TEST": [64, 64], "MODEL.HEADS.POOL_LAYER": "Flatten"}
    model = model_of(MOBILE | size)
    assert model.embedding_dim == 1280 * 4
    assert model.training
    assert all(module.training for module in model.modules())
    assert model.eval().embed(images(64, 64)).shape == (4, 1280 * 4)


def slow_memory_loss(features, targets, entries):
    """Each image against the entries (feature, class, image) of the memory; its own entry does not count."""
    terms = []
    for image, (feature, own) in enumerate(zip(features, targets, strict=True)):
        sums = {True: 0.0, False: 0.0}
        for key, label, source in entries:
            if source != image:
                cosine = torch.cosine_similarity(feature, key, dim=0)
                sums[own == label] += torch.exp(-32 * cosine if own == label else 32 * (cosine + 0.25))
        terms.append(torch.log1p(sums[True] * sums[False]))
    return torch.stack(terms).mean()


def test_memory_compares_with_itself_and_past_batches_and_forgets_the_oldest():
    memory = FeatureMemory(3, 10).double()
    generator = torch.Generator().manual_seed(0)
    entries = []
    for batch in range(4):  # 16 images through 10 places: it wraps around inside a batch
        features = torch.randn(4, 3, generator=generator, dtype=torch.float64).requires_grad_()
        targets = [batch % 2, 0, 1, 2]
        pairs = zip(features, targets, strict=True)
        entries = [(key, label, None) for key, label, _ in entries]
        entries += [(feature.detach(), target, image) for image, (feature, target) in enumerate(pairs)]
        entries = entries[-10:]
        loss = memory(features, features.detach(), torch.tensor(targets))
        expected = slow_memory_loss(features, targets, entries)
        torch.testing.assert_close(loss, expected)
        (got,) = torch.autograd.grad(loss, features)
        torch.testing.assert_close(got, torch.autograd.grad(expected, features)[0])
    assert memory.queue_ptr.item() == 6


def test_first_batch_of_a_memory_is_compared_with_itself_alone():
    features = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 0, 0, 1, 1, 1])
    loss = FeatureMemory(3, 100).double()(features, features, targets)
    torch.testing.assert_close(loss, cosface_loss(features, targets, margin=0.25, gamma=32))


def test_batch_of_new_identities_has_a_memory_loss_of_zero():
    features = torch.randn(3, 4, requires_grad=True)
    loss = FeatureMemory(4, 8)(features, features.detach(), torch.tensor([0, 1, 2]))
    loss.backward()
    assert loss.item() == 0.0
    assert features.grad.isfinite().all()


def test_batch_larger_than_the_memory_is_refused():
    with pytest.raises(ValueError, match="QUEUE_SIZE"):
        FeatureMemory(4, 2)(torch.zeros(3, 4), torch.zeros(3, 4), TARGETS[:3])


def test_moco_adds_its_memory_loss_and_has_fastreids_state():
    model = model_of(MOCO)
    assert {key: tuple(value.shape) for key, value in model.state_dict().items() if key.startswith("memory")} == {
        "memory.queue": (1280, 12),
        "memory.queue_label": (1, 12),
        "memory.queue_ptr": (1,),
    }
    assert not [key for key in model.state_dict() if key.startswith("key_encoder")]
    outputs = model.outputs(images(), TARGETS)
    assert torch.equal(outputs[""].keys, outputs[""].features)
    (name,) = model.own_losses(outputs, TARGETS)
    assert name == "loss_mb"
    assert model.memory.queue_label[0, :4].tolist() == TARGETS.tolist()


@pytest.mark.slow
def test_key_encoder_follows_the_network_without_gradient_and_out_of_the_embedding():
    model = model_of(MOCO | {"MODEL.KEY_MOMENTUM": 0.75})
    with torch.no_grad():
        model.heads.weight.add_(1.0)
        before = model.key_encoder.heads.weight.clone()
    outputs = model.outputs(images(), TARGETS)
    torch.testing.assert_close(model.key_encoder.heads.weight, before + 0.25)
    assert not outputs[""].keys.requires_grad
    assert not any(parameter.requires_grad for parameter in model.key_encoder.parameters())
    model.eval()
    want = model.embed(images())
    with torch.no_grad():
        for parameter in model.key_encoder.parameters():
            parameter.zero_()
    assert torch.equal(model.embed(images()), want)
