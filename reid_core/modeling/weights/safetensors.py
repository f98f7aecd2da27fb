"""The safetensors format, which timm's weights are published in: a JSON table of contents, then the plain numbers."""

from __future__ import annotations

import json
import math
import struct
from itertools import pairwise
from pathlib import Path

import torch

__all__ = ["SUFFIX", "read_safetensors"]

SUFFIX = ".safetensors"
"""How such files are called."""

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file, by name. ValueError says what is wrong with one that is torn or no such file.

    Format: 8 bytes, little endian, length n of the table; n bytes of JSON, {name: {dtype, shape, data_offsets}};
    then the data, which the offsets divide without gap (https://github.com/huggingface/safetensors).
    """
    content = path.read_bytes()
    if len(content) < 8:
        raise ValueError("it ends before its table of contents")
    (length,) = struct.unpack("<Q", content[:8])
    if length > len(content) - 8:
        raise ValueError("its table of contents is longer than the file")
    table = json.loads(content[8 : 8 + length])
    if not isinstance(table, dict):
        raise TypeError("its table of contents is no mapping")
    table.pop("__metadata__", None)
    data = bytearray(content[8 + length :])  # torch.frombuffer wants memory that can be written to
    entries = [(name, *_entry(name, entry)) for name, entry in table.items()]
    bounds = sorted((start, end) for *_, start, end in entries)
    if any(left[1] > right[0] for left, right in pairwise(bounds)) or (bounds and bounds[-1][1] > len(data)):
        raise ValueError("its end is missing, or its tensors overlap")
    return {
        name: torch.frombuffer(data, dtype=kind, count=math.prod(shape), offset=start).reshape(shape).clone()
        if math.prod(shape)
        else torch.empty(shape, dtype=kind)
        for name, kind, shape, start, _ in entries
    }


def _entry(name: str, entry: object) -> tuple[torch.dtype, list[int], int, int]:
    """Type, shape and the first and last offset of a line of the table."""
    match entry:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [int(start), int(end)]}:
            dtype = _TYPES.get(kind)
            if dtype is None:
                raise ValueError(f"{name} has numbers of a kind that is not known here, {kind}")
            if start < 0 or end - start != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"the size of {name} does not agree with its shape")
            return dtype, shape, start, end
    raise ValueError(f"the table of contents says nothing of {name}")
