"""Attributes from configuration to metrics: they are learned, a run goes on bit by bit, what is unknown is left out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from small_labels import ATTRIBUTES, settings, without_clock

from reid_core import api
from reid_core.data.synthetic.person import Carried, Person
from reid_core.engine.checkpoint import load
from reid_core.errors import ConfigError, DataError
from reid_core.modeling.heads import AttributeHead
from reid_core.tasks.task import task_of


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("attributes")


@pytest.mark.slow
def test_what_persons_wear_is_learned_above_chance(cache):
    config = settings(ATTRIBUTES, cache)
    result = api.train(config, directory=cache / "run", threads=1)
    report = api.evaluate(config, result.checkpoint.path, threads=1)
    assert report.metrics["mA"] > 0.58  # one answer for all images: 0.5
    assert report.metrics["F1"] > 0.4
    assert report.counts == {"images": 128, "attributes": 11}
    shown = {one.name: one.metrics["mA"] for one in report.groups["attribute"] if "mA" in one.metrics}
    assert np.mean(list(shown.values())) == pytest.approx(report.metrics["mA"])
    assert "probability of 0.5" in report.protocol


@pytest.mark.slow
def test_a_resumed_training_of_attributes_equals_the_uninterrupted_one(cache, tmp_path):
    config = settings(ATTRIBUTES, cache, SOLVER__MAX_EPOCH=3, DATASETS__SYNTHETIC__IDENTITIES=24)
    straight, parts = [], []
    options = {"protocol": api.Protocol.VALIDATION, "seed": 5, "threads": 1}
    whole = api.train(config, directory=tmp_path / "straight", on_epoch=straight.append, **options)
    first = api.train(config, directory=tmp_path / "parts", to_epoch=1, on_epoch=parts.append, **options)
    rest = api.train(
        config, directory=tmp_path / "parts", checkpoint=first.checkpoint, on_epoch=parts.append, **options
    )
    assert without_clock(straight) == without_clock(parts)
    one, other = (load(result.checkpoint.path) for result in (whole, rest))
    assert all(torch.equal(one.model[name], other.model[name]) for name in one.model)
    assert one.parts["losses"].keys() == other.parts["losses"].keys()


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [True, False])
def test_a_fork_may_weigh_rare_answers_or_stop_it(tmp_path, cache, weighted):
    first, then = (
        settings(ATTRIBUTES, cache, SOLVER__MAX_EPOCH=2, MODEL__LOSSES__BCE__WEIGHT_ENABLED=value)
        for value in (weighted, not weighted)
    )
    half = api.train(first, directory=tmp_path / "parent", to_epoch=1, threads=1).checkpoint
    fork = api.Fork(half.path, half.epoch, half.sha256)
    assert api.train(then, directory=tmp_path / "child", checkpoint=fork, threads=1).epoch == 2


@pytest.mark.slow
def test_precise_statistics_are_those_of_the_scores_too(tmp_path, cache):
    plain, precise = (
        settings(ATTRIBUTES, cache, SOLVER__MAX_EPOCH=1, TEST__PRECISE_BN__ENABLED=value) for value in (False, True)
    )
    states = [
        load(api.train(one, directory=tmp_path / str(place), threads=1).checkpoint.path).model
        for place, one in enumerate((plain, precise))
    ]
    stale = [
        name
        for name, value in states[0].items()
        if name.endswith("running_mean") and torch.equal(value, states[1][name])
    ]
    assert "heads.bnneck.running_mean" in states[0]
    assert not stale


@pytest.mark.slow
def test_validation_persons_are_not_trained_on(cache):
    config = settings(ATTRIBUTES, cache, DATASETS__VAL_FRACTION=0.25)
    data = task_of(config).open(config, api.Protocol.VALIDATION, threads=1)
    train, held = ({one.pid for one in part.records} for part in (data.train, data.evaluation.part))
    assert not train & held
    assert (len(train), len(held)) == (72, 24)


@pytest.mark.slow
def test_the_built_in_attributes_are_those_of_the_drawn_persons(cache):
    config = settings(ATTRIBUTES, cache)
    data = task_of(config).open(config, api.Protocol.TEST, threads=1)
    names = data.evaluation.names
    for record, told in zip(data.train.records, data.train.targets, strict=True):
        person = Person.drawn(0, int(record.pid) - 1, 0.0)
        assert told[names.index("hat")] == (person.carried is Carried.HAT)
        assert told[names.index("long_hair")] == person.long_hair


@pytest.mark.slow
def test_the_loss_is_weighted_by_the_training_images_where_that_is_on(cache):
    on, off = (settings(ATTRIBUTES, cache, MODEL__LOSSES__BCE__WEIGHT_ENABLED=value) for value in (True, False))
    task = task_of(on)
    data = task.open(on, api.Protocol.TEST, threads=1)
    model = task.model(on, data.num_classes)
    outputs = model.outputs(torch.zeros(4, 3, 64, 32))
    targets = torch.from_numpy(data.train.targets[:4])
    share = data.train.targets.mean(axis=0)
    weights = np.exp(np.where(data.train.targets[:4] > 0, 1 - share, share))
    plain = task.losses(off, model, data)(outputs, targets)["loss_bce"]
    logits = outputs[""].logits
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    assert plain.item() == pytest.approx(each.mean().item())
    weighted = task.losses(on, model, data)(outputs, targets)["loss_bce"]
    assert weighted.item() == pytest.approx((each * torch.from_numpy(weights)).mean().item(), rel=1e-5)


def test_scores_pass_a_batch_norm_of_their_own():
    head = AttributeHead(8, 5)
    outputs = head(torch.randn(16, 8, 2, 2))
    assert outputs.logits.shape == (16, 5)
    torch.testing.assert_close(outputs.logits.mean(dim=0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs.logits.std(dim=0, unbiased=False), torch.ones(5), atol=0.1, rtol=0)
    assert {"bnneck.weight", "bnneck.running_mean"} <= set(head.state_dict())


def test_as_many_classes_as_attributes_or_none_are_configured(cache):
    config = settings(ATTRIBUTES, cache, MODEL__HEADS__NUM_CLASSES=26)
    with pytest.raises(ConfigError, match="26, and there are 11 attributes"):
        task_of(config).model(config, 11)


def test_validation_images_with_one_answer_only_are_refused_before_training(tmp_path, cache):
    rows = ["file,split,hat"]
    for number in range(8):
        Image.fromarray(np.full((32, 32, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{'train' if number < 6 else 'test'},{number % 2}")
    (tmp_path / "attributes.csv").write_text("\n".join(rows))
    config = settings(ATTRIBUTES, cache, DATASETS__ROOT=str(tmp_path), DATASETS__VAL_FRACTION=0.1)
    with pytest.raises(DataError, match="no attribute has both answers"):
        api.train(config, directory=tmp_path / "run", protocol=api.Protocol.VALIDATION, threads=1)
    assert task_of(config).open(config, api.Protocol.TEST, threads=1).evaluation.names == ("hat",)


@pytest.mark.slow
def test_unknown_answers_are_neither_learned_nor_measured(tmp_path, cache):
    rng = np.random.default_rng(0)
    rows = ["file,split,bright,noise"]
    for number in range(48):
        bright = number % 2
        pixels = rng.integers(0, 60, (32, 32, 3)) + 180 * bright
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{number}.png")
        known = bright if number % 3 else -1
        rows.append(f"{number}.png,{'train' if number < 32 else 'test'},{known},{'' if number % 4 > 1 else number % 2}")
    (tmp_path / "attributes.csv").write_text("\n".join(rows))
    config = settings(
        ATTRIBUTES,
        cache,
        DATASETS__ROOT=str(tmp_path),
        INPUT__SIZE_TRAIN=[32, 32],
        INPUT__SIZE_TEST=[32, 32],
        SOLVER__IMS_PER_BATCH=8,
    )
    result = api.train(config, directory=tmp_path / "run", threads=1)
    assert math.isfinite(result.metrics["loss"])
    report = api.evaluate(config, result.checkpoint.path, threads=1)
    sizes = {one.name: one.size for one in report.groups["attribute"]}
    assert sizes == {"bright": 11, "noise": 8}
    assert report.groups["attribute"][0].metrics["mA"] > 0.9
