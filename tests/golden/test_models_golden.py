"""State dicts, embeddings and a training trace against those recorded from FastReID (shared/golden)."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from reid_core.config.availability import CHOICES
from reid_core.config.convert import tree_of
from reid_core.losses import build_losses
from reid_core.modeling import build_model
from reid_core.solver import build_optimizer

pytestmark = pytest.mark.shared

_SHARED = Path(os.environ.get("REID_SHARED", Path(__file__).parents[3] / "shared"))
_GOLDEN = Path(os.environ.get("REID_GOLDEN", _SHARED / "golden"))
_PRESENT = (_GOLDEN / "models.json").is_file()


def read(name):
    return json.loads((_GOLDEN / name).read_text())


def models_of_this_release():
    if not _PRESENT:
        return [pytest.param("", id="golden-absent")]
    return [name for name, model in read("models.json").items() if is_built(model["config"])]


def is_built(config):
    architectures = CHOICES["MODEL.META_ARCHITECTURE"].available
    backbones = CHOICES["MODEL.BACKBONE.NAME"].available
    return (
        config.get("MODEL.META_ARCHITECTURE", "Baseline") in architectures
        and config["MODEL.BACKBONE.NAME"] in backbones
    )


@pytest.fixture(scope="module")
def fill():
    if not _PRESENT:
        pytest.skip(f"no golden numbers in {_GOLDEN} (set REID_GOLDEN or REID_SHARED)")
    spec = importlib.util.spec_from_file_location("golden_fill", _GOLDEN / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled(model, fill, seed, gain):
    """`model` with the documented contents: every floating entry but GeM's exponent."""
    state = model.state_dict()
    for key, value in state.items():
        if value.is_floating_point() and not key.endswith(".p"):
            value.copy_(torch.from_numpy(fill.tensor(key, tuple(value.shape), seed, gain)))
    return model


def assert_close(got, want, rtol):
    assert np.shape(got) == np.shape(want)
    assert np.abs(np.asarray(got) - want).max() <= rtol * np.abs(want).max()


@pytest.mark.parametrize("name", models_of_this_release())
def test_state_dict_frozen_parameters_and_embedding_are_fastreids(name, fill):
    recorded = read("models.json")[name]
    model = build_model(tree_of(recorded["config"]), recorded["classes"])
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == recorded["state_dict"]
    frozen = [key for key, parameter in model.named_parameters() if not parameter.requires_grad]
    assert frozen == recorded.get("frozen", [])

    seed = read("seed.json")["seed"]
    filled(model, fill, seed, recorded["gain"]).eval()
    images = torch.from_numpy(fill.images(2, *recorded["size"], seed))
    with torch.no_grad():
        embedding = model.embed(images).numpy()
    with np.load(_GOLDEN / "models.npz") as arrays:
        assert_close(embedding, arrays[recorded["embedding"]], recorded["rtol"])


@pytest.mark.slow
def test_five_float64_training_steps_follow_fastreids_trace(fill):
    trace = read("training.json")
    name, seed, optimiser = trace["name"], trace["seed"], trace["optimiser"]
    config = tree_of(
        trace["config"]
        | {
            "SOLVER.OPT": {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}[optimiser["type"]],
            "SOLVER.BASE_LR": optimiser["lr"],
            "SOLVER.MOMENTUM": optimiser["momentum"],
        }
        | {f"SOLVER.WEIGHT_DECAY{kind}": optimiser["weight_decay"] for kind in ("", "_NORM", "_BIAS")}
    )
    model = filled(build_model(config, trace["classes"]), fill, seed, trace.get("gain", 1.0)).double()
    losses = build_losses(config, trace["classes"], model.metric_dim)
    optimizer = build_optimizer(config, model)
    assert len(optimizer.param_groups) == 1
    with np.load(_GOLDEN / "training.npz") as file:
        arrays = {key.removeprefix(f"{name}/"): file[key] for key in file}
    for step in range(trace["steps"]):
        images = torch.from_numpy(fill.images(16, 128, 64, seed * 100 + step))
        targets = torch.from_numpy(arrays["targets"][step])
        terms = losses(model.outputs(images, targets), targets)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        assert list(terms) == trace["losses"]
        assert_close([term.item() for term in terms.values()], arrays["losses"][step], trace["rtol"])
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        norm = sum(parameter.square().sum() for parameter in trained).sqrt().item()
        assert_close(norm, arrays["parameter_norm"][step], trace["rtol"])
    model.eval()
    with torch.no_grad():
        embedding = model.embed(torch.from_numpy(fill.images(2, 128, 64, seed))).numpy()
    assert_close(embedding, arrays["embedding_after"], trace["rtol"])
