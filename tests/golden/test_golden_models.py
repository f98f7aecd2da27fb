"""State dicts, embeddings and the training trace against those recorded from FastReID."""

from __future__ import annotations

import pytest
import torch
import training_trace
from golden_folder import arrays, assert_close, fill, record

from reid_core.config.convert import tree_of
from reid_core.modeling import build_model

TRACE = {"name", "config", "classes", "optimiser", "steps", "images", "losses", "rtol", "seed", "note", "gain"}
KNOWN = {"config", "gain", "classes", "size", "pixel_mean", "pixel_std", "embedding", "rtol", "state_dict", "frozen"}


def filled(model, seed, gain):
    """`model` with the documented contents: every floating entry but GeM's exponent."""
    tensor = fill().tensor
    for key, value in model.state_dict().items():
        if value.is_floating_point() and not key.endswith(".p"):
            value.copy_(torch.from_numpy(tensor(key, tuple(value.shape), seed, gain)))
    return model


@pytest.mark.parametrize("name", record("models.json"))
def test_state_dict_frozen_parameters_and_embedding_are_fastreids(name):
    recorded = record("models.json")[name]
    assert set(recorded) <= KNOWN
    pixels = {"MODEL.PIXEL_MEAN": recorded["pixel_mean"], "MODEL.PIXEL_STD": recorded["pixel_std"]}
    size = {"INPUT.SIZE_TRAIN": recorded["size"], "INPUT.SIZE_TEST": recorded["size"]}
    model = build_model(tree_of(size | pixels | recorded["config"]), recorded["classes"])
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == recorded["state_dict"]
    frozen = {key for key, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == set(recorded.get("frozen", []))

    seed = record("seed.json")["seed"]
    filled(model, seed, recorded["gain"]).eval()
    images = torch.from_numpy(fill().images(2, *recorded["size"], seed))
    with torch.no_grad():
        embedding = model.embed(images)
    assert_close(embedding, arrays("models.npz")[recorded["embedding"]], recorded["rtol"])


@pytest.mark.slow
def test_float64_training_steps_follow_fastreids_trace():
    trace = record("training.json")
    assert set(trace) <= TRACE
    for name, got, want, rtol in training_trace.run(trace, arrays("training.npz"), fill()):
        assert_close(got, want, rtol, name)
