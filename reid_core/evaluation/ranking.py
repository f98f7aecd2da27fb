"""Where the true matches of each query stand in the gallery, without sorting it.

The rank of a match is one more than the number of gallery images before it, so counting replaces sorting:
one pass over the query's row of distances for each of its few matches. Images at the same distance stand in
gallery order. Definitions of AP: Zheng et al. 2015 (Market-1501), of INP: Ye et al. 2021. A gallery image
with the query's identity and camera is no match and no mistake: it is taken out of the list.
MAP@R and R-precision look at the first R images of the list, R being how many matches there are (Musgrave et al. 2020,
"A metric learning reality check", section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from reid_core.errors import DataError, Finding
from reid_core.evaluation.distance import Array, Distance, distance_blocks
from reid_core.evaluation.labels import Integers, Labels

__all__ = ["Ranking", "rank", "rank_blocks", "rank_distances"]

_FEW_MATCHES = 64
"""Above it, sorting the row once is cheaper than one pass over it for each match."""

_BLOCK_DISTANCES = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """One row a query; `gallery` is the number of gallery images before any is taken out.

    valid: (Q,) bool, the query has a match; ap, inp, map_at_r and r_precision: (Q,) float64, NaN where not valid;
    first_hit: (Q,) int64, rank from 1 of the nearest match, 0 where not valid.
    """

    valid: npt.NDArray[np.bool_]
    ap: npt.NDArray[np.float64]
    inp: npt.NDArray[np.float64]
    map_at_r: npt.NDArray[np.float64]
    r_precision: npt.NDArray[np.float64]
    first_hit: npt.NDArray[np.int64]
    gallery: int

    @property
    def skipped(self) -> int:
        """How many queries have no match in the gallery and count nowhere."""
        return int(np.count_nonzero(~self.valid))

    @property
    def counts(self) -> dict[str, int]:
        """How many queries have a match, images there are in the gallery, and queries have none."""
        return {"queries": int(self.valid.sum()), "gallery": self.gallery, "skipped_queries": self.skipped}


def rank(
    query: Array,
    gallery: Array,
    labels: Labels,
    *,
    metric: Distance = Distance.COSINE,
    block_rows: int | None = None,
    device: torch.device | None = None,
) -> Ranking:
    """Rank gallery features (G, D) for each query feature (Q, D), `block_rows` queries at a time.

    Neither block sizes nor threads change a rank (see products.py); distances are computed on `device`.

    Raises DataError when no query has a match or a feature is not finite, ValueError when lengths differ.
    """
    _check_lengths(labels, query.shape[0], gallery.shape[0])
    if not (_finite(query) and _finite(gallery)):
        raise DataError(
            Finding(
                "non-finite-feature",
                "the model gives NaN or infinite embeddings",
                file="evaluation",
                hint="its weights or batch norm statistics are broken; measure an earlier checkpoint",
            )
        )
    return rank_blocks(distance_blocks(query, gallery, metric, rows=block_rows, device=device), labels)


def rank_distances(distances: Array, labels: Labels) -> Ranking:
    """As `rank`, from a given matrix of distances (Q, G), which is left unchanged."""
    _check_lengths(labels, *distances.shape)
    rows = max(1, _BLOCK_DISTANCES // max(1, distances.shape[1]))
    parts = (slice(start, start + rows) for start in range(0, distances.shape[0], rows))
    return rank_blocks(((part, np.array(distances[part])) for part in parts), labels)


def _check_lengths(labels: Labels, queries: int, gallery: int) -> None:
    if (queries, gallery) != (labels.query_pids.size, labels.gallery_pids.size):
        raise ValueError(
            f"{queries} queries and {gallery} gallery images, but labels of"
            f" {labels.query_pids.size} and {labels.gallery_pids.size}"
        )


def rank_blocks(blocks: Iterable[tuple[slice, Array]], labels: Labels) -> Ranking:
    """As `rank`, from blocks of distances as `distance_blocks` yields them; it writes into them."""
    queries = labels.query_pids.size
    same_identity = labels.same_identity()
    ap, inp, map_at_r, r_precision = np.full((4, queries), np.nan)
    first_hit = np.zeros(queries, dtype=np.int64)
    for part, block in blocks:
        for query, row in enumerate(block, start=part.start):
            matches, out = labels.split(query, same_identity[query])
            if matches.size:
                row[out] = np.inf  # behind every match, so that it is never counted before one
                ranks = np.sort(_ranks(row, matches))
                precision = np.arange(1, ranks.size + 1) / ranks
                early = int(np.searchsorted(ranks, ranks.size, side="right"))
                ap[query] = precision.mean()
                inp[query] = precision[-1]
                map_at_r[query] = precision[:early].sum() / ranks.size
                r_precision[query] = early / ranks.size
                first_hit[query] = ranks[0]
    valid = first_hit > 0
    if not valid.any():
        raise DataError(_no_match(labels))
    return Ranking(valid, ap, inp, map_at_r, r_precision, first_hit, labels.gallery_pids.size)


def _ranks(row: Array, matches: Integers) -> npt.NDArray[np.int64]:
    """Rank from 1 of each match (gallery positions) in one query's row of distances (G,)."""
    if matches.size <= _FEW_MATCHES:
        before = [
            np.count_nonzero(row[:place] <= value) + np.count_nonzero(row[place + 1 :] < value)
            for place, value in zip(matches.tolist(), row[matches], strict=True)
        ]
        return np.array(before, dtype=np.int64) + 1
    order = np.argsort(row, kind="stable")
    ranks = np.empty(row.size, dtype=np.int64)
    ranks[order] = np.arange(1, row.size + 1)
    return ranks[matches]


def _finite(features: Array) -> bool:
    """No NaN, no infinity: they reach the sum of squares, which needs no copy of the features."""
    return bool(np.isfinite(np.einsum("nd,nd->n", features, features)).all())


def _no_match(labels: Labels) -> Finding:
    where = "the gallery" if labels.query_camids is None else "another camera of the gallery"
    counts = f"{labels.query_pids.size} queries, {labels.gallery_pids.size} gallery images"
    return Finding(
        "no-match",
        f"no query has an image of the same identity in {where} ({counts})",
        file="evaluation",
        hint="check identity and camera numbers; data without real camera numbers has an option of its own",
    )
