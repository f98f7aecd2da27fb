"""An embedder out of an ONNX file, computed by ONNX Runtime: no torch model is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reid_core.data.sources import Pixels
from reid_core.embedder import Embedder, Rows
from reid_core.engine.durable import sha256_of
from reid_core.errors import CheckpointError
from reid_core.export.card import ModelCard, versions
from reid_core.export.session import Session, card_in, open_session

__all__ = ["OnnxEmbedder"]

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_BATCH = 64
_OUTPUT = "embedding"


class OnnxEmbedder(Embedder):
    """A file that `reid-tune export onnx` wrote; or a foreign one of one input, RGB 0..255 (B, 3, H, W), as FastReID's.

    A batch of fixed size is filled up. Raises CheckpointError for another network.
    """

    def __init__(self, path: Path, *, device: str = "auto", threads: int | None = None) -> None:
        self._session = open_session(path, threads=threads, on_gpu=device != "cpu")
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _TYPES:
            raise CheckpointError(
                f"{path} takes no batch of images: one input (B, 3, H, W) of floats or bytes is needed",
                hint="export it with: reid-tune export onnx",
            )
        self._input, self._type = inputs[0].name, _TYPES[inputs[0].type]
        self._outputs = _embedding_of(self._session, path)
        fixed = inputs[0].shape[0]
        self._fixed = fixed if isinstance(fixed, int) else 0
        card = card_in(self._session, path) or _foreign(path, self._session, self._run)
        super().__init__(card, batch=self._fixed or _BATCH, threads=threads)
        shape = (1, -1, 1, 1)
        outside = card.preprocess == "outside"
        self._mean = np.array(card.pixel_mean, np.float32).reshape(shape) if outside else None
        self._std = np.array(card.pixel_std, np.float32).reshape(shape) if outside else None

    def _embed(self, pixels: Pixels) -> Rows:
        images: np.ndarray[Any, Any] = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        if self._mean is not None and self._std is not None:
            images = (images.astype(np.float32) - self._mean) / self._std
        rows = self._run(images.astype(self._type, copy=False))
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(norms == 0, 1, norms), np.float32)

    def _run(self, images: np.ndarray[Any, Any]) -> Rows:
        missing = max(self._fixed - len(images), 0)
        if missing:
            images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)])
        values = self._session.run([self._outputs], {self._input: images})[0]
        rows = np.asarray(values, np.float32)[: len(images) - missing]
        if not np.isfinite(rows).all():
            raise CheckpointError("the network gives embeddings that are not finite", hint="export it as float32")
        return rows


def _embedding_of(session: Session, path: Path) -> str:
    """The output `embedding`, else the only one that is (B, D) and no class logits."""
    outputs = {one.name: one for one in session.get_outputs()}
    if _OUTPUT in outputs:
        return _OUTPUT
    found: list[str] = [name for name, one in outputs.items() if len(one.shape) == 2 and name != "logits"]
    if len(found) != 1:
        raise CheckpointError(f"{path} has no output (B, D) to take for the embedding: {', '.join(outputs)}")
    return found[0]


def _foreign(path: Path, session: Session, run: Any) -> ModelCard:
    """The card of a file without one: what its shapes say."""
    height, width = session.get_inputs()[0].shape[2:]
    if not (isinstance(height, int) and isinstance(width, int)):
        raise CheckpointError(
            f"{path} does not say what size its images have, and has no card",
            hint="export it with a fixed height and width, or with: reid-tune export onnx",
        )
    kind = _TYPES[session.get_inputs()[0].type]
    dim = run(np.zeros((1, 3, height, width), kind)).shape[1]
    digest = sha256_of(path)
    return ModelCard(
        kind="onnx",
        network=path.stem,
        size=(height, width),
        dim=dim,
        versions=dict(versions()),
        weights=digest,
        sha256=digest,
    )
