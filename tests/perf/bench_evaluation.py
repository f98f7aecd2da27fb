"""CMC, mAP and mINP from features: time against the matrix product that no method can do without, and memory.

Then ROC. What refines a ranking: bench_refinement.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from perf_features import DIM, MARKET, MSMT17, beside, features_of, labels_of, one_thread, sizes_of
from perf_rows import Row, Run, Sample, at_most, at_most_times, benchmark, peak_megabytes, seconds

if TYPE_CHECKING:
    from plain_ranking import Integers, Numbers


_RANKING = "CMC + mAP + mINP, 3,368 x 15,913"


@benchmark(Row(_RANKING, "s", at_most_times(1.15), "the bare matrix product in blocks"))
def ranking(run: Run) -> Sample:
    """Alternately the whole evaluation and the product alone, with the same block size, one thread."""
    import torch

    from reid_core.evaluation import rank, retrieval_metrics

    one_thread()
    queries, gallery, people, cameras = sizes_of(run, MARKET)
    labels = labels_of(queries, gallery, people, cameras)
    query_features, gallery_features = features_of(queries, 2), features_of(gallery, 3)
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
    return Sample(values, peers, f"one thread, dim {DIM:,}")


def _memory(run: Run, full: tuple[int, int, int, int]) -> Sample:
    from reid_core.evaluation import rank, retrieval_metrics

    one_thread()
    queries, gallery, people, cameras = sizes_of(run, full)
    labels = labels_of(queries, gallery, people, cameras)
    query_features, gallery_features = features_of(queries, 2), features_of(gallery, 3)
    took = seconds(lambda: retrieval_metrics(rank(query_features, gallery_features, labels)))
    own = (query_features.nbytes + gallery_features.nbytes) / 1e6
    return Sample([peak_megabytes()], note=f"whole process, of which the features are {own:.0f} MB; took {took:.1f} s")


@benchmark(Row(f"peak memory of {_RANKING}", "MB", at_most(600), "all distances and their order, as FastReID"))
def ranking_memory(run: Run) -> Sample:
    peer = _peak_of(_whole_lists, sizes_of(run, MARKET))  # first: a child's peak begins with that of its parent
    sample = _memory(run, MARKET)
    return Sample(sample.values, [peer], sample.note)


def _whole_lists(sizes: tuple[int, int, int, int]) -> None:
    """What FastReID and torchreid hold at once: features, distances, their order, and which of them are matches."""
    import numpy as np

    queries, gallery, people, cameras = sizes
    labels = labels_of(queries, gallery, people, cameras)
    distances = 1 - features_of(queries, 2) @ features_of(gallery, 3).T
    order = np.argsort(distances, axis=1)
    (labels.gallery_pids[order] == labels.query_pids[:, None]).astype(np.int32)


def _peak_of(work: Callable[[tuple[int, int, int, int]], object], sizes: tuple[int, int, int, int]) -> float:
    """Peak memory in MB of `work` in a process of its own."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(work, sizes).result()
        return pool.submit(peak_megabytes).result()


_GALLERIES = (4_000, 8_000, 16_000)


@benchmark(
    *(
        Row(f"ranking a query in a gallery of {gallery:,}", "ms", peer="the bare matrix product in blocks")
        for gallery in _GALLERIES
    )
)
def growth(run: Run) -> tuple[Sample, ...]:
    """The cost of a query grows as the gallery does: see evaluation_growth.py for a plot over more sizes."""
    return tuple(gallery_cost(gallery // run.size(1, 8), run.size(1_024, 64), run.size(5, 3)) for gallery in _GALLERIES)


def gallery_cost(gallery: int, queries: int, times: int) -> Sample:
    """Milliseconds of CPU a query, six matches each whatever the size, beside the product, in turns; one thread."""
    import time

    import torch

    from reid_core.evaluation import rank, retrieval_metrics

    one_thread()
    labels = labels_of(queries, gallery, max(1, gallery // 7), 6)
    query_features, gallery_features = features_of(queries, 2), features_of(gallery, 3)
    left, right = torch.from_numpy(query_features), torch.from_numpy(gallery_features)
    rows = max(1, (64 << 20) // (4 * gallery))

    def cpu(work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return 1e3 * (time.process_time() - began) / queries

    def product() -> None:
        for start in range(0, queries, rows):
            left[start : start + rows] @ right.T

    values, peers = [], []
    for _ in range(times):
        values.append(cpu(lambda: retrieval_metrics(rank(query_features, gallery_features, labels))))
        peers.append(cpu(product))
    return Sample([min(values)], [min(peers)], f"{queries:,} queries, dim {DIM:,}, CPU time, fastest of {times}")


@benchmark(Row("peak memory of CMC + mAP + mINP, 11,659 x 82,161 (MSMT17)", "MB", at_most(2_000)), slow=True)
def msmt17_memory(run: Run) -> Sample:
    return _memory(run, MSMT17)


@benchmark(Row(f"{_RANKING}, from distances", "s", peer="FastReID's Python algorithm"))
def ranking_from_distances(run: Run) -> Sample:
    """Both on the same part of the queries against the whole gallery, scaled up: each query costs the same."""
    import numpy as np
    from plain_ranking import plain_metrics

    from reid_core.evaluation import Labels, rank_distances, retrieval_metrics

    queries, gallery, people, cameras = sizes_of(run, MARKET)
    whole = labels_of(queries, gallery, people, cameras)
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


@benchmark(Row("TPR at FPR 1e-4, 1e-3, 1e-2, 3,368 x 15,913, from distances", "s", peer="sorting all pairs"))
def verification(run: Run) -> Sample:
    """Both on the same part of the queries against the whole gallery."""
    import numpy as np

    from reid_core.evaluation import tpr_at_fpr

    queries, gallery, people, cameras = sizes_of(run, MARKET)
    labels = labels_of(queries, gallery, people, cameras)
    distances: Numbers = np.random.default_rng(4).random((queries, gallery), dtype=np.float32)
    rates = [1e-4, 1e-3, 1e-2]
    query_camids, gallery_camids = labels.query_camids, labels.gallery_camids
    if query_camids is None or gallery_camids is None:
        raise RuntimeError("the labels of this benchmark have cameras")

    def by_sorting() -> Numbers:
        same = labels.query_pids[:, None] == labels.gallery_pids
        positives = same & (query_camids[:, None] != gallery_camids)
        false, true = np.sort(distances[~same]), np.sort(distances[positives])
        thresholds = false[(np.array(rates) * false.size).astype(np.int64)]
        return np.searchsorted(true, thresholds) / true.size

    return beside(run, lambda: tpr_at_fpr(distances, labels, fpr=rates), by_sorting)
