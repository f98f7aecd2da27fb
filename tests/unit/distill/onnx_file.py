"""ONNX files small enough to write by hand: protobuf's wire format, without the onnx package."""

from __future__ import annotations

import struct

_FLOAT, _UINT8 = 1, 2
_INT, _INTS = 2, 7


def varint(number):
    parts = []
    while True:
        number, low = number >> 7, number & 0x7F
        parts.append(low | (0x80 if number else 0))
        if not number:
            return bytes(parts)


def field(number, value):
    """One field of a message: a whole number, or the bytes of text or of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def node(kind, inputs, outputs, attributes=b""):
    return (
        b"".join(field(1, name) for name in inputs)
        + b"".join(field(2, name) for name in outputs)
        + field(4, kind)
        + attributes
    )


def value(name, kind, shape):
    dims = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def tensor(name, rows):
    data = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
    return field(1, len(rows)) + field(1, len(rows[0])) + field(2, _FLOAT) + field(8, name) + field(9, data)


def mean_colours(path, *, batch="n", size=("h", "w"), weights=None, of_bytes=False):
    """A network that gives the mean red, green and blue (B, 3) and, with `weights` (3, C), logits: means @ weights."""
    kind = _UINT8 if of_bytes else _FLOAT
    nodes = [node("Cast", ["images"], ["pixels"], field(5, field(1, "to") + field(3, _FLOAT) + field(20, _INT)))]
    axes = field(5, field(1, "axes") + field(8, 2) + field(8, 3) + field(20, _INTS))
    keep = field(5, field(1, "keepdims") + field(3, 0) + field(20, _INT))
    nodes.append(node("ReduceMean", ["pixels"], ["embedding"], axes + keep))
    outputs = [value("embedding", _FLOAT, (batch, 3))]
    graph = b""
    if weights is not None:
        nodes.append(node("MatMul", ["embedding", "weights"], ["logits"]))
        outputs.append(value("logits", _FLOAT, (batch, len(weights[0]))))
        graph = field(5, tensor("weights", weights))
    graph = b"".join(field(1, one) for one in nodes) + field(2, "colours") + graph
    graph += field(11, value("images", kind, (batch, 3, *size))) + b"".join(field(12, one) for one in outputs)
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(2, 13)))
    return path
