"""A look into a file of weights: what it is, and what of it a configuration's model would take."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from reid_core.config import Config
from reid_core.config.weights import PRETRAIN_PATH, WEIGHTS
from reid_core.errors import CheckpointError, NotFound
from reid_core.modeling.build import build_model
from reid_core.modeling.registry import build_backbone
from reid_core.modeling.weights.describe import Description, describe_file
from reid_core.modeling.weights.loading import load_model_state, load_state
from reid_core.modeling.weights.reading import WeightFile, backbone_part, read_weights
from reid_core.results import Fit, WeightsSummary

__all__ = ["inspect_file"]

_STATISTICS = ("running_mean", "running_var")


def inspect_file(path: Path, config: Config | None) -> WeightsSummary:
    """`reid_core.api.inspect_weights`."""
    if not path.is_file():
        raise NotFound(f"there is no file {path}", hint="give the path of a file that torch saved")
    file = read_weights(path)
    guess = describe_file(file)
    learned = [
        value for name, value in file.tensors.items() if value.is_floating_point() and not name.endswith(_STATISTICS)
    ]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return WeightsSummary(
        path=str(path),
        bytes=path.stat().st_size,
        sha256=digest,
        source=guess.source,
        architecture=guess.architecture,
        identities=guess.identities,
        wrappers=file.wrappers,
        tensors=len(file.tensors),
        parameters=sum(value.numel() for value in learned),
        dtypes=dict(Counter(str(value.dtype).removeprefix("torch.") for value in file.tensors.values())),
        fit=None if config is None else _fit(file, guess, config),
    )


def _fit(file: WeightFile, guess: Description, config: Config) -> Fit:
    """What a model of `config` takes of `file`; a whole model's file is tried as MODEL.WEIGHTS."""
    key = WEIGHTS if guess.whole else PRETRAIN_PATH
    try:
        if guess.whole:
            model = build_model(config, config.model.heads.num_classes or guess.identities, pretrained=False)
            report = load_model_state(model, file.tensors, source=str(file.path))
        else:
            backbone, _ = build_backbone(config.model.backbone, config.input.size_train)
            report = load_state(backbone, backbone_part(file.tensors), source=str(file.path))
    except CheckpointError as error:
        return Fit(key=key, fits=False, reason=error.message, hint=error.hint)
    return Fit(
        key=key,
        fits=True,
        loaded=len(report.loaded),
        missing=report.missing,
        unexpected=report.unexpected,
        other_shape=report.skipped_shape,
        notes=report.notes,
    )
