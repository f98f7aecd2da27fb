"""An ONNX file of a network, and what is written into its metadata."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import onnx
import torch

from reid_core.export.card import METADATA_KEY, ModelCard
from reid_core.export.model import Exportable

__all__ = ["INPUT", "OPSET", "OUTPUT", "onnx_bytes", "with_card"]

INPUT, OUTPUT = "images", "embedding"
OPSET = 18
"""The operator set of files: old enough for TensorRT 8.6, OpenVINO 2023 and every ONNX Runtime since 1.15."""

_BATCH = "batch"


def onnx_bytes(model: Exportable, size: tuple[int, int], *, batch: int | None = None, opset: int = OPSET) -> bytes:
    """`model` for images of `size` as ONNX; `batch` None leaves the number of images open.

    Written by torch's tracing exporter: its graphs are those of the newer one, several times sooner.
    """
    images = model.example(size, batch or 2)
    open_axes = {INPUT: {0: _BATCH}, OUTPUT: {0: _BATCH}} if batch is None else None
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing tells of Python conditions, which depend on shapes that are fixed
        torch.onnx.export(
            model,
            (images,),
            buffer,  # type: ignore[arg-type]  # a stream is taken too
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes=open_axes,
            opset_version=opset,
            dynamo=False,
        )
    return buffer.getvalue()


def with_card(path: Path, card: ModelCard) -> None:
    """Write `card` into the metadata of the ONNX file `path`, in place of one that is there."""
    model = onnx.load(path)
    kept = {one.key: one.value for one in model.metadata_props}
    own = card.model_copy(update={"sha256": ""})  # no file holds its own digest
    onnx.helper.set_model_props(model, {**kept, METADATA_KEY: own.text()})
    model.producer_name, model.producer_version = "reid-tune", card.versions.get("reid-tune", "")
    onnx.save(model, path)
