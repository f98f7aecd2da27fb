"""Every space that ships builds models: its default, and any configuration that it may draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_core.config import from_values, recipes
from reid_core.modeling import build_model
from search_spaces import catalog
from search_spaces.convert import to_optuna
from search_spaces.encoding import Encoder, complete
from search_spaces.load import load_space
from search_spaces.sampling import draw, findings

WANTED = ("agw", "backbones", "bag_of_tricks_ablation", "bnneck", "fasttune", "mgn", "sbs", "transfer")
SEARCHED = [name for name in catalog.names() if load_space(name).space.parameters]


@pytest.mark.slow
def test_catalog_holds_what_is_promised():
    assert set(WANTED) <= set(catalog.names())
    assert {load_space(name).space.recipe for name in catalog.names()} <= {recipe.name for recipe in recipes()}


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHED)
def test_drawn_configurations_are_sound_and_their_keys_are_read(name):
    loaded = load_space(name)
    encoder, rng = Encoder(loaded.space, loaded.base), np.random.default_rng(7)
    assert set(to_optuna(loaded.space)) == set(loaded.space.parameters)
    for _ in range(20):
        values = draw(encoder, rng)
        assert findings(encoder, values) == []
        config = encoder.complete(values)
        from_values(config)
        assert all(config[key] == value for key, value in encoder.derived(values).items())


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHED)
def test_default_of_a_space_is_its_recipes(name):
    loaded = load_space(name)
    config = complete(loaded.base, Encoder(loaded.space, loaded.base).first(), loaded.space.tied)
    differing = [key for key, value in config.items() if value != loaded.base[key]]
    assert set(differing) <= {"INPUT.AUTOAUG.PROB"}, "an own prior, of a parameter that does not count by default"


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHED)
def test_default_of_a_space_builds_a_model(name):
    small = {"INPUT.SIZE_TRAIN": [64, 32], "INPUT.SIZE_TEST": [64, 32]}
    if name not in {"backbones", "distill"}:  # these vary the family
        small |= {"MODEL.BACKBONE.DEPTH": "18x", "MODEL.BACKBONE.FEAT_DIM": 512}
    loaded = load_space(name, overrides=small)
    values = Encoder(loaded.space, loaded.base).first()
    with torch.device("meta"):
        model = build_model(from_values(complete(loaded.base, values, loaded.space.tied)), num_classes=5)
    assert sum(parameter.numel() for parameter in model.parameters()) > 400_000


@pytest.mark.slow
@pytest.mark.parametrize("depth", load_space("backbones").space.parameters["MODEL.BACKBONE.DEPTH"].values)
def test_every_backbone_of_the_architecture_search_is_built_with_its_width(depth):
    loaded = load_space("backbones")
    encoder = Encoder(loaded.space, loaded.base)
    config = from_values(encoder.complete({**encoder.first(), "MODEL.BACKBONE.DEPTH": depth}))
    with torch.device("meta"):
        head = build_model(config, num_classes=5)
    classifier = next(parameter for name, parameter in head.named_parameters() if name == "heads.weight")
    assert classifier.shape == (5, config.model.backbone.feat_dim)


def test_architecture_search_has_a_limit_on_latency():
    space = load_space("backbones").space
    assert space.outcome_constraints == ("latency_ms <= 5",)
    assert space.costs == ("latency_ms",)


@pytest.mark.slow
@pytest.mark.parametrize("depth", load_space("distill").space.parameters["MODEL.BACKBONE.DEPTH"].values)
def test_every_student_is_built_with_its_width(depth):
    loaded = load_space("distill")
    encoder = Encoder(loaded.space, loaded.base)
    config = from_values(encoder.complete({**encoder.first(), "MODEL.BACKBONE.DEPTH": depth}))
    with torch.device("meta"):
        model = build_model(config, num_classes=5)
    classifier = next(parameter for name, parameter in model.named_parameters() if name == "heads.weight")
    assert classifier.shape == (5, config.model.backbone.feat_dim)


def test_a_terms_details_vary_where_it_is_learned_only():
    loaded = load_space("distill", overrides={"KD.LOGITS.SCALE": 0.0})
    assert not [key for key in loaded.space.parameters if key.startswith("KD.LOGITS.")]
    assert loaded.space.outcome_constraints == ("latency_ms <= 15",)


def test_fasttune_is_fastreids_thirty_combinations():
    space = load_space("fasttune").space
    assert {key: parameter.values for key, parameter in space.parameters.items()} == {
        "SOLVER.IMS_PER_BATCH": (64, 96, 128, 160, 224, 256),
        "DATALOADER.NUM_INSTANCE": (2, 4, 8, 16, 32),
    }
