"""A teacher out of an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reid_core.distill.knowledge import Knowledge
from reid_core.distill.stages import Stage
from reid_core.distill.teacher import Said, of_size
from reid_core.errors import CheckpointError, ConfigError, Finding, ReidTuneError
from reid_core.export.session import Session, open_session

__all__ = ["OnnxTeacher"]

_KEY = "KD.MODEL_WEIGHTS"
_LOGITS = "logits"
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class OnnxTeacher:
    """A network of one input, RGB 0..255 (B, 3, H, W), as FastReID exports it, and normalises inside.

    An output called `logits` is its class logits; the first other one is its embedding (B, D). Sizes that the file
    leaves open are `image_size`; a batch of fixed size is filled up. ConfigError: onnxruntime is not installed, or the
    file is no such network.
    """

    def __init__(self, path: Path, *, image_size: tuple[int, int], identity: str, on_gpu: bool = False) -> None:
        self.name = str(path)
        self.identity = identity
        self.known = Knowledge(network="an ONNX network")
        self._session = _session(path, on_gpu=on_gpu)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
            raise _refused(f"{path} takes no batch of images", "one input (B, 3, H, W) of floats or bytes is needed")
        self._input, self._type = inputs[0].name, _TYPES[inputs[0].type]
        batch, _, height, width = inputs[0].shape
        self._batch = batch if isinstance(batch, int) else 0
        fixed = isinstance(height, int) and isinstance(width, int)
        self._size: tuple[int, int] = (height, width) if fixed else image_size
        said = self.ask(torch.zeros(1, 3, *self._size), None)
        self.classes = said.logits[""].shape[1] if said.logits else 0
        self.width = 0 if said.embedding is None else said.embedding.shape[1]

    def ask(self, images: torch.Tensor, camids: torch.Tensor | None, stages: Sequence[Stage] = ()) -> Said:
        """See Teacher; it has no stages."""
        del camids
        if stages:
            raise ValueError("a network in an ONNX file shows no feature maps")
        pixels = of_size(images, self._size).cpu().numpy().astype(self._type, copy=False)
        parts = [self._run(pixels[start : start + (self._batch or len(pixels))]) for start in self._starts(len(pixels))]
        columns = {
            name: torch.from_numpy(np.concatenate([part[name] for part in parts])).float().to(images.device)
            for name in parts[0]
        }
        logits = columns.pop(_LOGITS, None)
        embedding = next((value for value in columns.values() if value.dim() == 2), None)
        return Said({} if logits is None else {"": logits}, embedding)

    def _starts(self, count: int) -> range:
        return range(0, count, self._batch or max(count, 1))

    def _run(self, pixels: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        missing = max(self._batch - len(pixels), 0)
        filled = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), pixels.dtype)]) if missing else pixels
        names = [one.name for one in self._session.get_outputs()]
        values = self._session.run(names, {self._input: filled})
        return {name: np.asarray(value)[: len(pixels)] for name, value in zip(names, values, strict=True)}


def _session(path: Path, *, on_gpu: bool) -> Session:
    try:
        return open_session(path, threads=torch.get_num_threads(), on_gpu=on_gpu)
    except CheckpointError as error:
        raise _refused(error.message, error.hint) from error
    except ReidTuneError as error:
        raise _refused(error.message, f"{error.hint}, or give the teacher's checkpoint", "missing-package") from error


def _refused(message: str, hint: str, code: str = "impossible") -> ConfigError:
    return ConfigError(Finding(code, f"{_KEY}: {message}", hint=hint, key=_KEY))
