"""Embeddings as a file: Parquet with everything in it, or a numpy array with a manifest beside it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from reid_core.data.records import NO_CAMERA

if TYPE_CHECKING:
    from reid_core.embedder import Embedder, Rows

__all__ = ["SUFFIXES", "manifest_of", "write_table"]

SUFFIXES = (".parquet", ".npy")

_About: TypeAlias = list[tuple[str, str, int]]


def manifest_of(out: Path) -> Path:
    """Where the files of the rows of a .npy file stand: features.npy -> features.npy.csv."""
    return out.with_name(out.name + ".csv")


def write_table(out: Path, parts: Iterable[tuple[_About, Rows]], embedder: Embedder) -> int:
    """Write all parts in order; how many rows there are. `out` is whole or not there."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        count = (_parquet if out.suffix == ".parquet" else _npy)(temporary, out, parts, embedder)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _parquet(temporary: Path, out: Path, parts: Iterable[tuple[_About, Rows]], embedder: Embedder) -> int:
    """Columns file, pid, camid (null where they are not known) and embedding; the model's name and card beside them."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    del out
    columns: list[Any] = [("file", pa.string()), ("pid", pa.string()), ("camid", pa.int64())]
    schema = pa.schema([*columns, ("embedding", pa.list_(pa.float32(), embedder.dim))])
    schema = schema.with_metadata({"reid-tune.model": embedder.name, "reid-tune.card": embedder.card.text()})
    count = 0
    with pq.ParquetWriter(temporary, schema) as writer:
        for about, rows in parts:
            files, pids, camids = ([one[column] for one in about] for column in range(3))
            values = [
                pa.array(files, pa.string()),
                pa.array([pid or None for pid in pids], pa.string()),
                pa.array([None if camid == NO_CAMERA else camid for camid in camids], pa.int64()),
                pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel(), pa.float32()), embedder.dim),
            ]
            writer.write_table(pa.Table.from_arrays(values, schema=schema))
            count += len(rows)
    return count


def _npy(temporary: Path, out: Path, parts: Iterable[tuple[_About, Rows]], embedder: Embedder) -> int:
    """An array (N, D), and a manifest with the row's file, identity and camera."""
    rows: list[Rows] = [np.empty((0, embedder.dim), np.float32)]
    with manifest_of(out).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "pid", "camid"])
        for about, part in parts:
            rows.append(part)
            for name, pid, camid in about:
                writer.writerow([Path(name).absolute(), pid, "" if camid == NO_CAMERA else camid])
    joined = np.concatenate(rows)
    with temporary.open("wb") as target:
        np.save(target, joined)
    return len(joined)
