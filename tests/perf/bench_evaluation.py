"""CMC, mAP and mINP from features: time against the matrix product that no method can do without, and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perf_rows import Row, Run, Sample, at_most, at_most_times, benchmark, not_yet, peak_megabytes, seconds

if TYPE_CHECKING:
    from plain_ranking import Integers, Numbers

    from reid_core.evaluation import Labels

_DIM = 2_048
_MARKET = (3_368, 15_913, 750, 6)  # queries, gallery, identities, cameras
_MSMT17 = (11_659, 82_161, 3_060, 15)
_RANKING = "CMC + mAP + mINP, 3,368 x 15,913"

not_yet(Row("k-reciprocal re-ranking, 3,368 x 15,913", "s", at_most(20)), "issue 9")
not_yet(Row("peak memory of k-reciprocal re-ranking", "MB", at_most(1_300)), "issue 9")


def _sizes(run: Run, full: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    queries, gallery, people, cameras = full
    part = run.size(1, 8)
    return queries // part, gallery // part, people // part, cameras


def _labels(queries: int, gallery: int, people: int, cameras: int) -> Labels:
    """Drawn evenly, so that the number of matches a query has is that of the real set."""
    import numpy as np

    from reid_core.evaluation import Labels

    draw = np.random.default_rng(1)
    pids = [draw.integers(people, size=count) for count in (queries, gallery)]
    camids = [draw.integers(cameras, size=count) for count in (queries, gallery)]
    return Labels(pids[0], pids[1], camids[0], camids[1])


def _features(count: int, seed: int) -> Numbers:
    import numpy as np

    return np.random.default_rng(seed).standard_normal((count, _DIM), dtype=np.float32)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@benchmark(Row(_RANKING, "s", at_most_times(1.15), "the bare matrix product in blocks"))
def ranking(run: Run) -> Sample:
    """Alternately the whole evaluation and the product alone, with the same block size, one thread."""
    import torch

    from reid_core.evaluation import rank, retrieval_metrics

    _one_thread()
    queries, gallery, people, cameras = _sizes(run, _MARKET)
    labels = _labels(queries, gallery, people, cameras)
    query_features, gallery_features = _features(queries, 2), _features(gallery, 3)
    left, right = torch.from_numpy(query_features), torch.from_numpy(gallery_features)
    rows = max(1, (64 << 20) // (4 * gallery))

    def evaluate() -> None:
        retrieval_metrics(rank(query_features, gallery_features, labels))

    def product() -> None:
        for start in range(0, queries, rows):
            left[start : start + rows] @ right.T

    product()
    values, peers = [], []
    for _ in range(run.size(5, 3)):
        values.append(seconds(evaluate))
        peers.append(seconds(product))
    return Sample(values, peers, f"one thread, dim {_DIM:,}")


def _memory(run: Run, full: tuple[int, int, int, int]) -> Sample:
    from reid_core.evaluation import rank, retrieval_metrics

    _one_thread()
    queries, gallery, people, cameras = _sizes(run, full)
    labels = _labels(queries, gallery, people, cameras)
    query_features, gallery_features = _features(queries, 2), _features(gallery, 3)
    took = seconds(lambda: retrieval_metrics(rank(query_features, gallery_features, labels)))
    own = (query_features.nbytes + gallery_features.nbytes) / 1e6
    return Sample([peak_megabytes()], note=f"whole process, of which the features are {own:.0f} MB; took {took:.1f} s")


@benchmark(Row(f"peak memory of {_RANKING}", "MB", at_most(600)))
def ranking_memory(run: Run) -> Sample:
    return _memory(run, _MARKET)


@benchmark(Row("peak memory of CMC + mAP + mINP, 11,659 x 82,161 (MSMT17)", "MB", at_most(2_000)), slow=True)
def msmt17_memory(run: Run) -> Sample:
    return _memory(run, _MSMT17)


@benchmark(Row(f"{_RANKING}, from distances", "s", peer="FastReID's Python algorithm"))
def ranking_from_distances(run: Run) -> Sample:
    """Both on the same part of the queries against the whole gallery, scaled up: each query costs the same."""
    import numpy as np
    from plain_ranking import plain_metrics

    from reid_core.evaluation import Labels, rank_distances, retrieval_metrics

    queries, gallery, people, cameras = _sizes(run, _MARKET)
    whole = _labels(queries, gallery, people, cameras)
    part = run.size(168, 32)
    distances: Numbers = np.random.default_rng(4).random((part, gallery), dtype=np.float32)
    query_camids, gallery_camids = whole.query_camids, whole.gallery_camids
    if query_camids is None or gallery_camids is None:
        raise RuntimeError("the labels of this benchmark have cameras")
    sides: tuple[Integers, ...] = (whole.query_pids[:part], whole.gallery_pids, query_camids[:part], gallery_camids)
    ours: list[dict[str, float]] = []
    theirs: list[tuple[float, float, float]] = []
    values, peers = [], []
    for _ in range(run.size(3, 2)):
        values.append(
            seconds(lambda: ours.append(retrieval_metrics(rank_distances(distances, Labels(*sides))))) * queries / part
        )
        peers.append(seconds(lambda: theirs.append(plain_metrics(distances, *sides))) * queries / part)
    got = [ours[0][name] for name in ("mAP", "mINP", "rank1")]
    if not np.allclose(got, theirs[0], rtol=1e-6):
        raise RuntimeError(f"both should measure the same, but {got} is not {theirs[0]}")
    return Sample(values, peers, f"measured on {part} queries, scaled to {queries:,}; equal results")
