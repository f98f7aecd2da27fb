"""Pre-training without labels: batches of views, the loss, data without identities, resume, and what it leads to."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from reid_core import api
from reid_core.config import from_values, load_config
from reid_core.engine.checkpoint import load
from reid_core.engine.crew import Crew
from reid_core.engine.run import Run
from reid_core.errors import ConfigError, DataError
from reid_core.modeling import build_model
from reid_core.modeling.architectures.contrast import ViewMemory
from reid_core.tasks.pretraining.agreement import agreement
from reid_core.tasks.pretraining.sampler import TwoViewSampler
from reid_core.tasks.task import task_of

SMALL = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "MODEL.QUEUE_SIZE": 64,
    "MODEL.KEY_MOMENTUM": 0.9,
    "MODEL.CONTRAST.DIM": 16,
    "MODEL.CONTRAST.SPLITS": 2,
    "INPUT.SIZE_TRAIN": [32, 32],
    "INPUT.SIZE_TEST": [32, 32],
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.CAMERAS": 2,
    "DATASETS.SYNTHETIC.IMAGES": 2,
    "DATASETS.VAL_FRACTION": 0.25,
    "SOLVER.IMS_PER_BATCH": 16,
    "SOLVER.MAX_EPOCH": 3,
    "SOLVER.WARMUP_EPOCHS": 0.0,
    "SOLVER.CHECKPOINT_PERIOD": 1,
    "TEST.EVAL_PERIOD": 1,
}


@pytest.fixture
def small(tmp_path):
    def make(**changed):
        values = SMALL | {"DATALOADER.CACHE_DIR": str(tmp_path / "cache")}
        return load_config(
            "pretraining", values | {key.replace("__", "."): value for key, value in changed.items()}
        ).config

    return make


def train(config, folder, to_epoch=None, checkpoint=None):
    metrics = {}
    end = api.train(
        config,
        directory=folder,
        protocol=api.Protocol.VALIDATION,
        seed=3,
        threads=1,
        to_epoch=to_epoch,
        checkpoint=checkpoint,
        on_epoch=lambda one: metrics.update({one.epoch: dict(one.metrics)}),
    )
    return metrics, end


def photos(folder, count, flat=True):
    random = np.random.default_rng(0)
    for number in range(count):
        place = folder if flat else folder / f"shop{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        colour = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(colour).resize((32, 32)).save(place / f"{number:03}.png")
    return folder


@pytest.mark.parametrize(("images", "batch"), [(2, 64), (5, 4), (9, 8), (40, 16)])
def test_every_image_comes_twice_in_its_batch_and_once_an_epoch(images, batch):
    sampler = TwoViewSampler(images, batch)
    dealt = sampler.epoch_batches(1, 2)
    assert len(dealt) == sampler.batches_per_epoch
    assert sorted(np.concatenate(dealt).tolist()) == sorted([*range(images), *range(images)])
    for part in dealt:
        numbers, counts = np.unique(part, return_counts=True)
        assert len(numbers) >= 2
        assert set(counts.tolist()) == {2}
    assert not np.array_equal(np.concatenate(dealt), np.concatenate(sampler.epoch_batches(1, 3))) or images == 2


def test_the_loss_is_info_nce_against_the_other_images_of_the_queue():
    torch.manual_seed(0)
    memory = ViewMemory(6, 11, 0.2).double()
    held = []
    for step in range(4):
        features, keys = torch.randn(4, 6).double(), torch.randn(4, 6).double()
        targets = torch.tensor([step, 7, step, 7])  # image 7 is in every batch
        loss = memory(features, keys, targets)
        held = (held + list(zip(targets.tolist(), functional.normalize(keys), strict=True)))[-11:]
        terms = []
        for row, query in enumerate(functional.normalize(features)):
            positive = torch.exp(query @ functional.normalize(keys)[(row + 2) % 4] / 0.2)
            others = [torch.exp(query @ key / 0.2) for label, key in held if label != targets[row]]
            terms.append(-torch.log(positive / (positive + sum(others))))
        torch.testing.assert_close(loss, torch.stack(terms).mean())


def test_a_batch_without_two_views_of_each_image_is_refused():
    memory = ViewMemory(4, 8, 0.2)
    with pytest.raises(ValueError, match="two views"):
        memory(torch.randn(3, 4), torch.randn(3, 4), torch.tensor([0, 0, 1]))


@pytest.mark.slow
def test_keys_follow_slowly_and_take_no_gradient(small):
    config = small()
    model = task_of(config).model(config, 1)
    before = {name: value.clone() for name, value in model.key_encoder.named_parameters()}
    with torch.no_grad():
        for value in model.projector.parameters():
            value.add_(1.0)
    outputs = model.outputs(torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8))
    sum(model.own_losses(outputs, torch.arange(4).repeat(2)).values()).backward()
    for name, value in model.key_encoder.named_parameters():
        moved = 0.1 if name.startswith("projector") else 0.0
        torch.testing.assert_close(value, before[name] + moved)
        assert value.grad is None
    assert all(value.grad is not None for value in model.backbone.parameters())
    assert not outputs[""].keys.requires_grad


@pytest.mark.slow
@pytest.mark.parametrize("images", [2, 3, 5])
def test_a_small_batch_makes_fewer_parts(small, images):
    model = task_of(small()).model(small(MODEL__CONTRAST__SPLITS=4), 1)  # its feature maps are of one cell
    outputs = model.outputs(torch.randint(256, (images, 3, 32, 32), dtype=torch.uint8))
    assert outputs[""].features.shape == outputs[""].keys.shape == (images, 16)


def test_every_process_has_two_images_for_each_part_of_its_share(small):
    config = small(SOLVER__IMS_PER_BATCH=8, MODEL__CONTRAST__SPLITS=4, MODEL__QUEUE_SIZE=8)
    with pytest.raises(ConfigError, match="2 processes"):
        Run(config, Path(), api.Protocol.TEST, seed=0, start=None, threads=1, hooks=None, crew=Crew(0, 2))


def test_agreement_is_what_the_definitions_say():
    random = np.random.default_rng(1)
    first, second = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in random.normal(size=(2, 9, 3)))
    found = agreement(first.astype(np.float32), second.astype(np.float32))
    nearest = [min(range(9), key=lambda j: np.sum((first[i] - second[j]) ** 2)) for i in range(9)]
    assert found["contrast_accuracy"] == pytest.approx(np.mean([place == i for i, place in enumerate(nearest)]))
    assert found["alignment"] == pytest.approx(
        np.mean([np.sum((a - b) ** 2) for a, b in zip(first, second, strict=True)]), rel=1e-5
    )
    energy = [
        np.log(np.mean([np.exp(-2 * np.sum((rows[i] - rows[j]) ** 2)) for i in range(9) for j in range(i)]))
        for rows in (first, second)
    ]
    assert found["uniformity"] == pytest.approx(np.mean(energy), rel=1e-4)


def test_a_collapsed_model_has_no_contrast_accuracy():
    alike = np.ones((5, 4), np.float32) / 2
    assert agreement(alike, alike) == {"contrast_accuracy": 0.0, "alignment": 0.0, "uniformity": pytest.approx(0.0)}


@pytest.mark.slow
def test_a_pre_training_resumes_bit_by_bit(small, tmp_path):
    config = small()
    straight, want = train(config, tmp_path / "straight", 2)
    _, rest = train(config, tmp_path / "parts", 1)
    continued, got = train(config, tmp_path / "parts", 2, rest.checkpoint)
    timed = {"seconds", "images_per_second", "data_wait"}
    assert {name: value for name, value in straight[2].items() if name not in timed} == {
        name: value for name, value in continued[2].items() if name not in timed
    }
    left, right = load(want.checkpoint.path).model, load(got.checkpoint.path).model
    assert left.keys() == right.keys()
    assert {"memory.queue", "memory.queue_label", "memory.queue_ptr"} <= left.keys()
    assert any(name.startswith("key_encoder.backbone.") for name in left)
    assert all(torch.equal(value, right[key]) for key, value in left.items())


@pytest.mark.slow
def test_images_without_identities_are_enough_to_train_and_to_choose(small, tmp_path):
    config = small(DATASETS__ROOT=str(photos(tmp_path / "photos", 24)))
    assert api.describe_data(config).train_images == 24
    metrics, end = train(config, tmp_path / "run")
    assert end.best is not None
    assert {"loss", "contrast_accuracy", "alignment", "uniformity"} <= metrics[3].keys()
    assert "mAP" not in metrics[3]
    report = api.evaluate(config, end.checkpoint.path, protocol=api.Protocol.VALIDATION, threads=1)
    assert report.metrics["contrast_accuracy"] == metrics[3]["contrast_accuracy"]
    assert report.counts == {"images": 6}


def test_identities_can_be_ignored_and_a_layout_that_is_given_must_fit(small, tmp_path):
    folder = photos(tmp_path / "shops", 8, flat=False)
    ignoring = small(DATASETS__ROOT=str(folder), TASK__PRETRAINING__IDENTITIES="ignore")
    assert api.describe_data(ignoring).train_identities == 0
    with pytest.raises(DataError):
        api.describe_data(small(DATASETS__ROOT=str(folder), DATASETS__LAYOUT="market1501"))
    with pytest.raises(DataError, match="image"):
        api.describe_data(small(DATASETS__ROOT=str(photos(tmp_path / "few", 3))))


@pytest.mark.parametrize(
    "changed",
    [
        {"TASK__NAME": "reid"},
        {"MODEL__META_ARCHITECTURE": "Baseline"},
        {"SOLVER__IMS_PER_BATCH": 15},
        {"SOLVER__ACCUMULATE": 2},
        {"MODEL__QUEUE_SIZE": 8},
        {"MODEL__CONTRAST__SPLITS": 9},
        {"MODEL__LOSSES__NAME": ["TripletLoss"]},
        {"MODEL__HEADS__NAME": "ClasHead"},
        {"MODEL__HEADS__CLS_LAYER": "ArcSoftmax"},
        {"MODEL__HEADS__EMBEDDING_DIM": 64},
        {"MODEL__HEADS__WITH_BNNECK": True},
        {"DATALOADER__SAMPLER_TRAIN": "BalancedIdentitySampler"},
        {"DATASETS__COMBINEALL": True, "DATASETS__ROOT": "crops", "TASK__PRETRAINING__IDENTITIES": "ignore"},
    ],
)
def test_what_cannot_be_pre_trained_is_refused(small, changed):
    with pytest.raises(ConfigError, match="impossible"):
        small(**changed)


@pytest.mark.slow
@pytest.mark.parametrize("averaged", [False, True])
def test_its_checkpoint_is_a_backbone_for_any_training(small, tmp_path, averaged):
    config = small(SOLVER__EMA__ENABLED=averaged)
    _, end = train(config, tmp_path / "run", 1)
    later = from_values(
        {key: value for key, value in SMALL.items() if not key.startswith(("MODEL.CONTRAST", "MODEL.KEY", "MODEL.QUE"))}
        | {"MODEL.BACKBONE.PRETRAIN_PATH": str(end.checkpoint.path)}
    )
    model, state = build_model(later, 5), load(end.checkpoint.path)
    weights = state.parts["average"]["values"] if averaged else state.model
    taken = model.backbone.state_dict()
    assert all(torch.equal(value, weights[f"backbone.{name}"]) for name, value in taken.items())


@pytest.mark.slow
def test_a_supervised_moco_checkpoint_is_a_backbone_too(tmp_path):
    settings = {key: value for key, value in SMALL.items() if not key.startswith("MODEL.CONTRAST")}
    config = from_values(settings | {"MODEL.META_ARCHITECTURE": "MoCo"})
    model = build_model(config, 5)
    torch.save({"model": model.state_dict()}, tmp_path / "moco.pth")
    taken = build_model(from_values(settings | {"MODEL.BACKBONE.PRETRAIN_PATH": str(tmp_path / "moco.pth")}), 7)
    assert all(
        torch.equal(value, taken.backbone.state_dict()[name]) for name, value in model.backbone.state_dict().items()
    )


@pytest.mark.slow
def test_it_learns_without_labels_on_synthetic_data(small, tmp_path):
    config = small(
        SOLVER__MAX_EPOCH=15,
        SOLVER__IMS_PER_BATCH=64,
        SOLVER__WARMUP_EPOCHS=1.0,
        TEST__EVAL_PERIOD=0,
        DATASETS__SYNTHETIC__IDENTITIES=64,
        DATASETS__SYNTHETIC__TEST_IDENTITIES=16,
        DATASETS__SYNTHETIC__SEED=7,
        MODEL__BACKBONE__NAME="build_resnet_backbone",
        MODEL__BACKBONE__DEPTH="18x",
        MODEL__BACKBONE__FEAT_DIM=512,
        MODEL__CONTRAST__DIM=128,
        MODEL__CONTRAST__SPLITS=1,
        INPUT__CROP__SCALE=[0.5, 1.0],
    )
    metrics = api.train(config, directory=tmp_path / "run", seed=0, threads=1).metrics
    # seeds 0, 1, 2: loss 0.69 to 0.78 (chance: log 63), uniformity -2.71 to -2.62 (untrained -0.43 to -0.29); the
    # accuracy on held-out views, 0.22 to 0.23 (chance: 1 / 64), is reached untrained too (0.13 to 0.23)
    assert metrics["loss"] < math.log(63) / 2
    assert metrics["uniformity"] < -1.5
    assert metrics["contrast_accuracy"] > 4 / 64
