"""The approximate structures of faiss, chosen by size, and how many true neighbours they lose.

flat: no structure, every vector is compared. hnsw: a graph over the vectors (Malkov and Yashunin 2018). ivfpq: an
inverted file of codes of one byte for 8 numbers (Jegou et al. 2011), whose candidates are compared exactly
afterwards with the vectors on the disk; 1,000,000 vectors of 512 numbers take 80 MB of memory instead of 2 GB.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from reid_core.gallery.vectors import Floats, Ids

__all__ = ["Asked", "Kind", "Structure", "kind_for", "sample_size"]

Kind: TypeAlias = Literal["flat", "hnsw", "ivfpq"]
Asked: TypeAlias = Literal["auto", "flat", "hnsw", "ivfpq"]
FLAT_ROWS = 50_000
"""Up to so many vectors every one is compared: a few milliseconds a query."""
GRAPH_ROWS = 200_000
"""Up to so many a graph over vectors in memory; beyond, codes."""
_LINKS, _BUILD_DEPTH, _SEARCH_DEPTH = 24, 80, 96
_PER_CENTROID = 48  # vectors that train one list; faiss warns below 39
_CODE_DIMS = 8  # numbers in one byte
_SEED = 20


def kind_for(rows: int, asked: Asked = "auto") -> Kind:
    """What an index of so many vectors uses."""
    if asked != "auto":
        return asked
    return "flat" if rows <= FLAT_ROWS else "hnsw" if rows <= GRAPH_ROWS else "ivfpq"


class Structure:
    """An index of faiss over ids. `probes` lists of an inverted file are read for a query."""

    def __init__(self, kind: Kind, index: Any, probes: int = 0) -> None:
        self.kind: Kind = kind
        self.probes = probes
        self._index = index

    @classmethod
    def built(cls, kind: Kind, sample: Floats, rows: int) -> Structure:
        """An empty one for `rows` vectors, trained on `sample` (S, D) of them. `kind` is not flat."""
        import faiss  # noqa: PLC0415 - 60 ms that an index of few vectors does not need

        dim = sample.shape[1]
        if kind == "hnsw":
            graph = faiss.IndexHNSWFlat(dim, _LINKS, faiss.METRIC_INNER_PRODUCT)
            graph.hnsw.efConstruction = _BUILD_DEPTH
            return cls(kind, faiss.IndexIDMap2(graph))
        lists = lists_for(rows, len(sample))
        codes = next(dim // size for size in range(_CODE_DIMS, 0, -1) if dim % size == 0)
        bits = 8 if len(sample) >= 256 else max(1, int(math.log2(max(2, len(sample)))))
        coarse = faiss.IndexFlatL2(dim)
        index = faiss.IndexIVFPQ(coarse, dim, lists, codes, bits)
        index.cp.seed = index.pq.cp.seed = _SEED
        index.cp.niter = 8
        index.train(sample)
        return cls(kind, index, probes=max(8, lists // 32))

    @classmethod
    def load(cls, path: Path, kind: Kind, probes: int = 0, *, device: Literal["auto", "cpu"] = "auto") -> Structure:
        """Read what `save` wrote, an inverted file onto the GPU where faiss has one. Raises FileNotFoundError."""
        import faiss  # noqa: PLC0415

        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise FileNotFoundError(f"{path}: {error}") from error
        return cls(kind, _on_gpu(index) if kind == "ivfpq" and device == "auto" else index, probes)

    def save(self, path: Path) -> None:
        """Write into a file and see it to the disk. Raises OSError."""
        import faiss  # noqa: PLC0415

        faiss.write_index(self._index, str(path))
        with path.open("rb") as file:
            os.fsync(file.fileno())

    @property
    def rows(self) -> int:
        """Vectors in it, removed ones among them."""
        return int(self._index.ntotal)

    def add(self, parts: Iterable[tuple[Floats, Ids]]) -> None:
        """Add vectors (N, D) under ids (N,), part by part."""
        for vectors, ids in parts:
            self._index.add_with_ids(np.ascontiguousarray(vectors), np.ascontiguousarray(ids))

    def candidates(self, queries: Floats, count: int, removed: Ids) -> Ids:
        """Ids (Q, count) that are probably the nearest, in no order that matters; -1 where there are fewer."""
        faiss: Any = import_module("faiss")  # its stubs lack what is used here
        extra: dict[str, Any] = {}
        if removed.size:
            batch = faiss.IDSelectorBatch(removed)
            extra["sel"] = faiss.IDSelectorNot(batch)
        if self.kind == "hnsw":
            chosen = faiss.SearchParametersHNSW(efSearch=max(_SEARCH_DEPTH, count), **extra)
        else:
            chosen = faiss.SearchParametersIVF(nprobe=self.probes, **extra)
        _, ids = self._index.search(queries, count, params=chosen)
        found: Ids = ids
        return found


def _on_gpu(index: Any) -> Any:
    """The index on the first GPU, where faiss was built for one and there is one; as it is elsewhere."""
    import faiss  # noqa: PLC0415

    if not hasattr(faiss, "StandardGpuResources") or not faiss.get_num_gpus():
        return index
    return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)


def lists_for(rows: int, sample: int) -> int:
    """Lists of an inverted file: twice the root of the vectors, as many as the sample can train."""
    return max(1, min(round(2 * math.sqrt(rows)), sample // _PER_CENTROID))


def sample_size(rows: int) -> int:
    """Vectors that train a structure."""
    return min(rows, _PER_CENTROID * round(2 * math.sqrt(rows)) + 256)
