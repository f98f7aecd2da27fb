"""Pretrained backbone weights: explicit key maps, a report of what was loaded, no silent partial load."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from reid_core.errors import CheckpointError, ConfigError, Finding
from reid_core.modeling.backbones import MobileNetV2

__all__ = ["LoadReport", "load_pretrained", "load_state", "read_state_dict"]

_WRAPPERS = ("state_dict", "model")
_PREFIXES = ("module.", "backbone.")
_CLASSIFIERS = ("fc.", "classifier.", "heads.", "head.")
_ADDED_MODULES = ("se.", "NL_")
_COUNTER = "num_batches_tracked"
_TORCHVISION_MOBILENET_V2 = "features.18.0.weight"  # FastReID calls it conv.0.weight


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of each tensor, sorted: taken; absent from the file; in the file only; there with another shape."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    skipped_shape: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{len(self.loaded)} tensors loaded, {len(self.missing)} missing, {len(self.unexpected)} unexpected, "
            f"{len(self.skipped_shape)} of another shape"
        )


def load_pretrained(backbone: nn.Module, path: Path) -> LoadReport:
    """Load an ImageNet (or other) backbone file into `backbone`, in place.

    Understands FastReID's own names, torchvision's ResNet (the same names) and torchvision's MobileNetV2 (renamed),
    each bare, under `state_dict` / `model`, or with `module.` / `backbone.` before every key. ConfigError: there is no
    such file. CheckpointError: the file is torn, is no state dict, or belongs to another architecture; then nothing
    is loaded.
    """
    return load_state(backbone, read_state_dict(path), source=str(path))


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .pth file, on the CPU, by name, prefixes removed. Never runs code of the file (weights_only)."""
    if not path.is_file():
        raise ConfigError(
            Finding(
                "missing-file",
                f"MODEL.BACKBONE.PRETRAIN_PATH: there is no file {path}",
                hint="paths are relative to the current folder; clear the key to start from random weights",
                key="MODEL.BACKBONE.PRETRAIN_PATH",
            )
        )
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} cannot be read as weights: {reason}",
            hint="it is torn or holds more than tensors; save its state dict alone and try again",
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}, not a state dict", hint="save model.state_dict()"
        )
    tensors = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    return _without_prefixes(tensors)


def _without_prefixes(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    for prefix in _PREFIXES:
        if any(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def load_state(backbone: nn.Module, state: Mapping[str, torch.Tensor], *, source: str) -> LoadReport:
    """Copy the tensors of `state` that belong to `backbone` into it; `source` names them in errors.

    Missing or foreign normalisation parameters are reported (an IBN or SE variant starts from plain weights); a
    convolution or linear weight that is missing, foreign or of another shape means another architecture:
    CheckpointError.
    """
    if isinstance(backbone, MobileNetV2) and _TORCHVISION_MOBILENET_V2 in state:
        state = {_MOBILENET_V2_KEYS.get(key, key): value for key, value in state.items()}
    own = backbone.state_dict()
    shared = {key for key in own if key in state}
    fitting = {key for key in shared if own[key].shape == state[key].shape}
    report = LoadReport(
        loaded=tuple(sorted(fitting)),
        missing=tuple(sorted(key for key in own if key not in state and not key.endswith(_COUNTER))),
        unexpected=tuple(sorted(key for key in state if key not in own)),
        skipped_shape=tuple(sorted(shared - fitting)),
    )
    _refuse_other_architecture(report, own, state, source)
    backbone.load_state_dict({key: state[key] for key in report.loaded}, strict=False)
    return report


def _refuse_other_architecture(
    report: LoadReport, own: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor], source: str
) -> None:
    missing = [key for key in report.missing if own[key].dim() > 1 and not _is_added(key)]
    foreign = [key for key in report.unexpected if state[key].dim() > 1 and not key.startswith(_CLASSIFIERS)]
    if not (missing or foreign or report.skipped_shape):
        return
    faults = []
    if report.skipped_shape:
        key = report.skipped_shape[0]
        sizes = f"{tuple(state[key].shape)} in the file, {tuple(own[key].shape)} in the model"
        faults.append(f"{len(report.skipped_shape)} tensors of another shape, as {key} ({sizes})")
    if missing:
        faults.append(f"{len(missing)} weights are missing, as {', '.join(missing[:3])}")
    if foreign:
        faults.append(f"{len(foreign)} weights have no place in the model, as {', '.join(foreign[:3])}")
    raise CheckpointError(
        f"{source} belongs to another architecture: {'; '.join(faults)}",
        hint="check MODEL.BACKBONE.NAME, DEPTH and the WITH_ options against the file",
    )


def _is_added(key: str) -> bool:
    """Whether the tensor belongs to a module that plain ImageNet networks do not have."""
    return any(f".{part}" in f".{key}" for part in _ADDED_MODULES)


def _mobilenet_v2_keys() -> dict[str, str]:
    """Torchvision's MobileNetV2 names -> FastReID's, for every tensor whose name differs."""
    # torchvision nests convolution, norm and activation; FastReID numbers them through, activations included.
    expanded = {"0.0": "0", "0.1": "1", "1.0": "3", "1.1": "4", "2": "6", "3": "7"}
    plain = {"0.0": "0", "0.1": "1", "1": "3", "2": "4"}
    layers = {"features.18.0": "conv.0", "features.18.1": "conv.1"}
    for block in range(1, 18):
        for theirs, ours in (plain if block == 1 else expanded).items():
            layers[f"features.{block}.conv.{theirs}"] = f"features.{block}.conv.{ours}"
    names = ("weight", "bias", "running_mean", "running_var", _COUNTER)
    return {f"{theirs}.{name}": f"{ours}.{name}" for theirs, ours in layers.items() for name in names}


_MOBILENET_V2_KEYS = _mobilenet_v2_keys()
