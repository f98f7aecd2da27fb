"""What classification and attributes refuse before any work, and what of theirs other tasks refuse."""

from __future__ import annotations

import pytest

from reid_core.config import load_config
from reid_core.errors import ConfigError


def faults(recipe, **changed):
    with pytest.raises(ConfigError) as caught:
        load_config(recipe, overrides=[(key.replace("__", "."), value) for key, value in changed.items()])
    return {finding.key: finding.message for finding in caught.value.findings}


@pytest.mark.parametrize("recipe", ["classification", "attributes"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MODEL.META_ARCHITECTURE", "PCB"),
        ("DATASETS.LAYOUT", "market1501"),
        ("TEST.RERANK.ENABLED", True),
        ("TEST.AQE.ENABLED", True),
        ("TEST.ROC.ENABLED", True),
        ("TEST.SCALES", [1.0, 1.25]),
    ],
)
def test_what_only_ranking_has_is_refused(recipe, key, value):
    assert key in faults(recipe, **{key: value, "DATASETS.ROOT": "photos"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MODEL.LOSSES.NAME", ["CrossEntropyLoss"]),
        ("MODEL.LOSSES.NAME", ["BinaryCrossEntropyLoss", "TripletLoss"]),
        ("MODEL.HEADS.NAME", "EmbeddingHead"),
        ("MODEL.HEADS.NAME", "ClasHead"),
        ("MODEL.HEADS.PFC.ENABLED", True),
        ("MODEL.HEADS.CLS_LAYER", "ArcSoftmax"),
        ("DATALOADER.SAMPLER_TRAIN", "NaiveIdentitySampler"),
    ],
)
def test_attributes_refuse_what_needs_one_label_an_image(key, value):
    assert key in faults("attributes", **{key: value})


def test_a_classifier_that_nothing_trains_is_refused():
    assert "trains a classifier" in faults("classification", MODEL__LOSSES__NAME=["TripletLoss"])["MODEL.LOSSES.NAME"]


@pytest.mark.parametrize("recipe", ["bnneck", "classification"])
def test_the_loss_of_attributes_is_refused_elsewhere(recipe):
    found = faults(recipe, MODEL__LOSSES__NAME=["BinaryCrossEntropyLoss"])
    assert "learns attributes" in found["MODEL.LOSSES.NAME"]


@pytest.mark.parametrize(("head", "task"), [("ClasHead", "classification"), ("AttrHead", "attributes")])
def test_a_head_of_fastreids_projects_asks_for_its_task(head, task):
    assert f"is for {task}, not for reid" in faults("bnneck", MODEL__HEADS__NAME=head)["MODEL.HEADS.NAME"]
