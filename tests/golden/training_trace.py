"""The recorded float64 training steps, made again with our model, losses and optimiser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from reid_core.config import Config
from reid_core.config.convert import tree_of
from reid_core.losses import build_losses
from reid_core.modeling import Architecture, build_model
from reid_core.solver import build_optimizer

__all__ = ["Fill", "run"]

Array = npt.NDArray[np.generic]
_OPTIMISERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
_IMAGES = re.compile(r"fill\.images\((\d+), (\d+), (\d+), (\d+)\*100\+step\)")


class Fill(Protocol):
    """The module fill.py of the recorded folder."""

    def tensor(self, key: str, shape: tuple[int, ...], seed: int, gain: float = 1.0) -> Array: ...
    def images(self, count: int, height: int, width: int, seed: int) -> Array: ...


def run(
    record: Mapping[str, object], arrays: Mapping[str, Array], fill: Fill
) -> Iterator[tuple[str, object, object, float]]:
    """Train as `record` (training.json) says, and yield (name, got, want, rtol) for every array of training.npz.

    After each step the losses and the L2 norm of all trainable parameters, at the end the embedding of two images.
    Raises ValueError for what it does not understand.
    """
    name, seed, rtol = str(record["name"]), int(record["seed"]), float(record["rtol"])
    count, height, width, base = _images(str(record["images"]))
    config = _config(record)
    model = _filled(build_model(config, int(record["classes"])), fill, seed, float(record.get("gain", 1.0))).double()
    losses = build_losses(config, model.num_classes, model.metric_dims).double()
    optimizer = build_optimizer(config, model)
    if len(optimizer.param_groups) != 1:
        raise ValueError(f"one parameter group was recorded, and {len(optimizer.param_groups)} were made")
    for step in range(int(record["steps"])):
        images = torch.from_numpy(fill.images(count, height, width, base * 100 + step))
        targets = torch.from_numpy(arrays[f"{name}/targets"][step])
        terms = losses(model.outputs(images, targets), targets)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        if list(terms) != record["losses"]:
            raise ValueError(f"the losses {record['losses']} were recorded, and {list(terms)} were made")
        got = [term.item() for term in terms.values()]
        yield f"{name}/losses[{step}]", got, arrays[f"{name}/losses"][step], rtol
        yield f"{name}/parameter_norm[{step}]", _norm(model), arrays[f"{name}/parameter_norm"][step], rtol
    model.eval()
    with torch.no_grad():
        embedding = model.embed(torch.from_numpy(fill.images(2, height, width, base))).numpy()
    yield f"{name}/embedding_after", embedding, arrays[f"{name}/embedding_after"], rtol


def _images(text: str) -> tuple[int, int, int, int]:
    """Count, height, width and seed of "fill.images(16, 128, 64, 1*100+step)"."""
    found = _IMAGES.fullmatch(text)
    if found is None:
        raise ValueError(f"images are recorded as {text!r}, not as fill.images(count, height, width, seed*100+step)")
    count, height, width, seed = map(int, found.groups())
    return count, height, width, seed


def _config(record: Mapping[str, object]) -> Config:
    optimiser = record["optimiser"]
    solver = {
        "SOLVER.OPT": _OPTIMISERS[optimiser["type"]],
        "SOLVER.BASE_LR": optimiser["lr"],
        "SOLVER.MOMENTUM": optimiser.get("momentum", 0.0),
    }
    decays = {f"SOLVER.WEIGHT_DECAY{kind}": optimiser["weight_decay"] for kind in ("", "_NORM", "_BIAS")}
    return tree_of(record["config"] | solver | decays)


def _filled(model: Architecture, fill: Fill, seed: int, gain: float) -> Architecture:
    for key, value in model.state_dict().items():
        if value.is_floating_point() and not key.endswith(".p"):
            value.copy_(torch.from_numpy(fill.tensor(key, tuple(value.shape), seed, gain)))
    return model


def _norm(model: Architecture) -> float:
    squares = [parameter.square().sum() for parameter in model.parameters() if parameter.requires_grad]
    return torch.stack(squares).sum().sqrt().item()
