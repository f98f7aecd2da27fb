"""Smaller numbers in an ONNX file: half floats, or whole numbers of 8 bits calibrated on images."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from reid_core.export.onnx_file import INPUT

__all__ = ["to_float16", "to_int8"]

_QUANTISED = ["Conv", "Gemm", "MatMul"]


def to_float16(path: Path) -> None:
    """Weights and arithmetic of the ONNX file `path` as half floats, in place; input and output keep their types.

    Normalising pixels and rows stays in float32: sums of squares leave the range of half floats.
    """
    model = onnx.load(path)
    kept = [node.name for node in model.graph.node if node.op_type in {"ReduceL2", "Clip", "Expand"}]
    onnx.save(convert_float_to_float16(model, keep_io_types=True, node_block_list=kept), path)


def to_int8(path: Path, batches: Iterable[np.ndarray[Any, Any]]) -> None:
    """Convolutions and matrix products of the ONNX file `path` in 8 bits, in place: static quantisation (QDQ).

    `batches` are inputs (B, 3, H, W) of the file that activations are calibrated on. Weights have a scale a channel,
    activations one a tensor, both symmetric, as TensorRT needs them.
    """
    with tempfile.TemporaryDirectory(prefix="reid-int8-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        root = logging.getLogger()
        level = root.level
        root.setLevel(logging.ERROR)  # it logs a warning about preparing to the root logger
        try:
            quantization.quantize_static(
                str(prepared),
                str(path),
                _Reader(batches),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=_QUANTISED,
                per_channel=True,
                activation_type=quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
                extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
            )
        finally:
            root.setLevel(level)


class _Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    def __init__(self, batches: Iterable[np.ndarray[Any, Any]]) -> None:
        self._batches: Iterator[np.ndarray[Any, Any]] = iter(batches)

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        """The next batch, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}
