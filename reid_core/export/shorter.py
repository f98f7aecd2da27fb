"""Smaller numbers in an ONNX file: half floats, or whole numbers of 8 bits calibrated on images."""

from __future__ import annotations

import contextlib
import io
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
_OPTIONS = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "CalibPercentile": 99.99,
    "CalibStridedMinMax": 1,  # batches a range of the reader, whatever the method
}


def to_float16(path: Path) -> None:
    """Weights and arithmetic of the ONNX file `path` as half floats, in place; input and output keep their types.

    Normalising pixels and rows stays in float32: sums of squares leave the range of half floats.
    """
    model = onnx.load(path)
    kept = [node.name for node in model.graph.node if node.op_type in {"ReduceL2", "Clip", "Expand"}]
    onnx.save(convert_float_to_float16(model, keep_io_types=True, node_block_list=kept), path)


def to_int8(path: Path, batches: Iterable[np.ndarray[Any, Any]]) -> None:
    """Convolutions and matrix products of the ONNX file `path` in 8 bits, in place: static quantisation (QDQ).

    `batches` are inputs (B, 3, H, W) of the file that activations are calibrated on: their range leaves out one value
    in ten thousand, for a single outlier would take the steps of all others. Weights have a scale a channel,
    activations one a tensor, both symmetric, as TensorRT needs them. The first convolution and depthwise ones stay in
    float32: they are a small part of the arithmetic, and lose most by rounding (Sheng et al. 2018).
    """
    with tempfile.TemporaryDirectory(prefix="reid-int8-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        with _quiet():
            quantization.quantize_static(
                str(prepared),
                str(path),
                _Reader(batches),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=_QUANTISED,
                per_channel=True,
                activation_type=quantization.QuantType.QInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.Percentile,
                nodes_to_exclude=_delicate(onnx.load(prepared)),
                extra_options=_OPTIONS,
            )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The tool warns about preparing in the root logger, and prints how it calibrates."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)


def _delicate(model: onnx.ModelProto) -> list[str]:
    """The names of the first convolution and of the depthwise ones: as many groups as channels, more than one."""
    weights = {one.name: one.dims for one in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    groups = {node.name: one.i for node in convolutions for one in node.attribute if one.name == "group"}
    depthwise = [
        node.name
        for node in convolutions
        if groups.get(node.name, 1) > 1 and weights.get(node.input[1], [0])[0] == groups[node.name]
    ]
    return [node.name for node in convolutions[:1]] + depthwise


class _Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Batches one range at a time, so that the activations of one batch are held and not those of all."""

    def __init__(self, batches: Iterable[np.ndarray[Any, Any]]) -> None:
        self._batches = list(batches)
        self._rest: Iterator[np.ndarray[Any, Any]] = iter(())

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        """What `get_next` gives from now on."""
        self._rest = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        """The next batch of the range, None after the last."""
        batch = next(self._rest, None)
        return None if batch is None else {INPUT: batch}
