"""A model of a tenth of a MobileNetV2 as a checkpoint, its batch norms' statistics drawn at random: no training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from reid_core import api
from reid_core.config import Config, from_values, to_values
from reid_core.engine.checkpoint import Checkpoint, save
from reid_core.modeling import Architecture, build_model

VALUES = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "INPUT.SIZE_TRAIN": [64, 32],
    "INPUT.SIZE_TEST": [64, 32],
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 6,
    "DATASETS.SYNTHETIC.CAMERAS": 2,
    "DATASETS.SYNTHETIC.IMAGES": 4,
}


def config_of(**changed: object) -> Config:
    """The small configuration with other keys, dots written as two underscores."""
    return from_values(VALUES | {key.replace("__", "."): value for key, value in changed.items()})


def drawn_model(config: Config, *, seed: int = 0) -> Architecture:
    """Weights at random, statistics of batch norms near those of images: different images differ in its embeddings."""
    torch.manual_seed(seed)
    model = build_model(config, 8, pretrained=False).train()
    for norm in _norms(model):
        norm.momentum = None  # the plain mean of what it sees
    images = torch.randint(256, (8, 3, *config.input.size_test), dtype=torch.uint8)
    images[:, :, ::7] = torch.arange(8, dtype=torch.uint8)[:, None, None, None] * 30  # no two alike
    with torch.no_grad():
        model(images, targets=torch.arange(8))
    return model.eval()


def steadied(model: Architecture) -> Architecture:
    """The model with no deviation of a batch norm below its mean, in place.

    Nearly equal values divided by how little they differ are rounding errors, which a hundred layers of split attention
    make larger than 1e-2.
    """
    for norm in _norms(model):
        norm.running_var.clamp_(min=norm.running_mean.square())
    return model


def _norms(model: Architecture) -> list[torch.nn.modules.batchnorm._BatchNorm]:
    return [one for one in model.modules() if isinstance(one, torch.nn.modules.batchnorm._BatchNorm)]


def checkpoint_of(config: Config, path: Path) -> Path:
    """The drawn model as a checkpoint that has seen the built-in data."""
    data = api.describe_data(config)
    seen = {"protocol": "test", "data": data.fingerprint, "split": data.fingerprint}
    state = drawn_model(config).state_dict()
    metrics = {"mAP": 0.5, "loss": 3.0}
    return save(Checkpoint(3, 0, 8, to_values(config), metrics, None, state, {}, **seen), path).path


def photos(folder: Path, count: int) -> list[Path]:
    """Image files of any size."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    paths = [folder / f"{index:03d}.png" for index in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(path)
    return paths
