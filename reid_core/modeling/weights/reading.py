"""A file of weights becomes named tensors; no code of the file ever runs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

from reid_core.errors import CheckpointError
from reid_core.modeling.weights.safetensors import SUFFIX, read_safetensors
from reid_core.modeling.weights.torch_file import UNREADABLE, load_plain

__all__ = ["Tensors", "WeightFile", "backbone_part", "read_weights"]

Tensors: TypeAlias = Mapping[str, torch.Tensor]
"""A state dict: names and tensors."""

_WRAPPERS = (
    *("state_dict_ema", "model_ema"),  # timm, DeiT: the averaged weights are what they evaluate
    *("state_dict", "model"),  # most; FastReID
    *("teacher", "student"),  # DINO: the teacher is what it evaluates
    *("model_state", "model_state_dict", "net"),  # pycls; others
)
"""Keys below which training tools put the state dict, the one to prefer first."""

_OWN_AVERAGE = ("parts", "average", "values")
"""Where our checkpoints keep averaged weights, which are what is measured."""

_PARALLEL = "module."
"""What DistributedDataParallel puts before each name."""

_BACKBONES = ("teacher.backbone.", "encoder_q.", "backbone.", "base.")
"""What stands before a backbone's names: DINOv2; MoCo, LUPerson; FastReID, DINO; Bag of Tricks, TransReID."""

_COPIES = ("student.", "encoder_k.", "queue", "key_encoder.", "projector.", "memory.")
"""What begins the names of the other copy of a backbone in self-supervised training, its projection and memory."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightFile:
    """The tensors of a file by name, `module.` removed; `wrappers` are the keys they lay under, outermost first."""

    path: Path
    tensors: dict[str, torch.Tensor]
    wrappers: tuple[str, ...] = ()


def read_weights(path: Path) -> WeightFile:
    """Read a file that torch saved, on the CPU. CheckpointError: it is absent, torn, or holds objects or no tensors."""
    content = _load(path)
    wrappers: list[str] = []
    while isinstance(content, Mapping):
        inner = _inner(content)
        if not inner:
            break
        for key in inner:
            content = content[key]
        wrappers += inner
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}, not a state dict", hint="save model.state_dict()"
        )
    tensors = {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        names = ", ".join(sorted(str(key) for key in content)[:5]) or "nothing"
        raise CheckpointError(f"{path} holds no tensors, but {names}", hint="save model.state_dict()")
    if any(name.startswith(_PARALLEL) for name in tensors):
        wrappers.append(_PARALLEL)
        tensors = {name.removeprefix(_PARALLEL): value for name, value in tensors.items()}
    return WeightFile(path, tensors, tuple(wrappers))


def backbone_part(tensors: Tensors) -> dict[str, torch.Tensor]:
    """`tensors` with the backbone's under their own names; what lies beside it (heads) keeps its name.

    Of two copies, as MoCo and DINO train them, the one that they evaluate is kept.
    """
    for prefix in _BACKBONES:
        if any(name.startswith(prefix) for name in tensors):
            return {name.removeprefix(prefix): value for name, value in tensors.items() if not name.startswith(_COPIES)}
    return dict(tensors)


def _inner(content: Mapping[object, object]) -> tuple[str, ...]:
    """The keys that lead one wrapper inwards, none where the state dict is reached."""
    parts = content.get("parts")
    if "kind" in content and isinstance(parts, Mapping) and "average" in parts:
        return _OWN_AVERAGE
    return next(((key,) for key in _WRAPPERS if isinstance(content.get(key), Mapping)), ())


def _load(path: Path) -> object:
    try:
        if path.suffix == SUFFIX:
            return read_safetensors(path)
        # Namespace, the command line that DINO and MAE save beside their weights, is attributes and nothing else.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content: object = load_plain(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no file {path}", hint="give the path of an existing file") from error
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    return content


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    objects = re.search(r"GLOBAL ([\w.]+)", str(error))
    if objects:
        return CheckpointError(
            f"{path} cannot be read as weights: it holds Python objects ({objects[1]}), and loading those runs code",
            hint="where you trust it: in the tool that wrote it, save model.state_dict() alone, and give that file",
        )
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return CheckpointError(
        f"{path} cannot be read as weights: {reason}",
        hint="it is torn, or not a file that torch saved; fetch it again and compare its SHA-256",
    )
