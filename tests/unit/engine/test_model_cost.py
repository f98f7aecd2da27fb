"""Costs of a model against published numbers, and against a count by hand."""

from __future__ import annotations

import pytest

from reid_core.api import measure_cost
from reid_core.config import load_config
from reid_core.engine import cost
from reid_core.errors import ConfigError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A few runs say as much as a second of them here: nothing depends on the number but its noise."""
    monkeypatch.setattr(cost, "_SECONDS", 0.0)
    monkeypatch.setattr(cost, "_WARM_SECONDS", 0.0)


def cost_of(recipe="bnneck", batch=1, **settings):
    named = [(key.replace("__", "."), value) for key, value in settings.items()]
    return measure_cost(load_config(recipe, named).config, threads=1, batch=batch)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "depth", "parameters", "flops", "width", "classifier"),
    [
        # Parameters and multiply-adds at 224 x 224 as torchvision publishes them, with the classifier of 1,000 classes.
        ("build_resnet_backbone", "18x", 11_689_512, 1_814_073_344, 512, 512_000),
        ("build_mobilenetv2_backbone", "1.0x", 3_504_872, 300_774_272, 1280, 1_280_000),
    ],
)
def test_counts_are_the_published_ones_without_the_classifier(name, depth, parameters, flops, width, classifier):
    found = cost_of(
        MODEL__BACKBONE__NAME=name,
        MODEL__BACKBONE__DEPTH=depth,
        MODEL__BACKBONE__LAST_STRIDE=2,
        INPUT__SIZE_TEST=[224, 224],
    )

    assert found.parameters == parameters - classifier - 1000 + 2 * width  # the neck's batch norm takes its place
    assert found.flops == flops - classifier
    assert found.device == "cpu"


def test_counts_of_a_small_model_are_those_of_a_count_by_hand():
    found = cost_of(
        MODEL__BACKBONE__NAME="one_convolution:build",
        MODEL__HEADS__EMBEDDING_DIM=5,
        INPUT__SIZE_TRAIN=[16, 16],
        INPUT__SIZE_TEST=[32, 16],
    )

    convolution, norm = 3 * 8 * 8 * 8, 2 * 8
    reduction, neck = 8 * 5, 2 * 5
    assert found.parameters == convolution + norm + reduction + neck
    assert found.flops == convolution * (32 // 8) * (16 // 8) + reduction


@pytest.mark.slow
def test_classes_and_a_second_encoder_cost_nothing():
    small = {"MODEL__BACKBONE__NAME": "one_convolution:build", "INPUT__SIZE_TEST": [64, 32]}
    plain = cost_of(**small)
    many = cost_of(**small, MODEL__HEADS__NUM_CLASSES=5000)
    with_memory = cost_of(**small, MODEL__META_ARCHITECTURE="MoCo", MODEL__KEY_MOMENTUM=0.9)

    assert (many.parameters, many.flops) == (plain.parameters, plain.flops)
    assert (with_memory.parameters, with_memory.flops) == (plain.parameters, plain.flops)


@pytest.mark.slow
def test_repvgg_is_counted_in_its_form_for_inference():
    found = cost_of(
        MODEL__BACKBONE__NAME="build_repvgg_backbone",
        MODEL__BACKBONE__DEPTH="A0",
        MODEL__BACKBONE__LAST_STRIDE=2,
        INPUT__SIZE_TEST=[224, 224],
    )

    # Ding et al. 2021, table 4: RepVGG-A0 has 8.30 M weights and 1.4 G multiply-adds, classifier (1.28 M) included.
    assert found.parameters == pytest.approx(8.30e6 - 1.281e6 + 2 * 1280, rel=0.005)
    assert found.flops == pytest.approx(1.36e9, rel=0.03)


@pytest.mark.slow
def test_latency_is_a_positive_time_an_image():
    one = cost_of("demo")
    eight = cost_of("demo", batch=8)

    assert one.latency_ms > 0
    assert (one.batch, eight.batch) == (1, 8)
    assert eight.flops == one.flops


def test_a_batch_of_nothing_and_a_device_that_is_not_there_are_refused():
    with pytest.raises(ValueError, match="batch is 0"):
        cost_of("demo", batch=0)
    with pytest.raises(ConfigError, match=r"MODEL\.DEVICE"):
        cost_of("demo", MODEL__DEVICE="cuda:9")


@pytest.mark.slow
def test_a_task_that_knows_how_many_classes_there_are_is_measured_too():
    size = {"INPUT__SIZE_TEST": [64, 32], "MODEL__BACKBONE__DEPTH": "18x", "MODEL__BACKBONE__FEAT_DIM": 512}
    assert cost_of("attributes", MODEL__HEADS__NUM_CLASSES=26, **size).parameters > 0
