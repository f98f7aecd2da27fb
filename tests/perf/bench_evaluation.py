"""CMC, mAP and mINP from features: time against the matrix product that no method can do without, and memory.

Then what refines a ranking (re-ranking, query expansion) and ROC.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from perf_rows import Row, Run, Sample, at_most, at_most_times, benchmark, peak_megabytes, seconds

if TYPE_CHECKING:
    from plain_ranking import Integers, Numbers

    from reid_core.evaluation import Labels

_DIM = 2_048
_MARKET = (3_368, 15_913, 750, 6)  # queries, gallery, identities, cameras
_MSMT17 = (11_659, 82_161, 3_060, 15)
_RANKING = "CMC + mAP + mINP, 3,368 x 15,913"

_SMALL = 1 / 8
"""The part of Market's images on which dense algorithms are measured beside ours."""


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


@benchmark(Row(f"peak memory of {_RANKING}", "MB", at_most(600), "all distances and their order, as FastReID"))
def ranking_memory(run: Run) -> Sample:
    peer = _peak_of(_whole_lists, _sizes(run, _MARKET))  # first: a child's peak begins with that of its parent
    sample = _memory(run, _MARKET)
    return Sample(sample.values, [peer], sample.note)


def _whole_lists(sizes: tuple[int, int, int, int]) -> None:
    """What FastReID and torchreid hold at once: features, distances, their order, and which of them are matches."""
    import numpy as np

    queries, gallery, people, cameras = sizes
    labels = _labels(queries, gallery, people, cameras)
    distances = 1 - _features(queries, 2) @ _features(gallery, 3).T
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

    _one_thread()
    labels = _labels(queries, gallery, max(1, gallery // 7), 6)
    query_features, gallery_features = _features(queries, 2), _features(gallery, 3)
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
    return Sample([min(values)], [min(peers)], f"{queries:,} queries, dim {_DIM:,}, CPU time, fastest of {times}")


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


def _people(share: float) -> tuple[Numbers, Numbers]:
    """Features of a share of Market's images around a center for each of 1,501 identities, so that neighbours agree."""
    import numpy as np

    draw = np.random.default_rng(5)
    centers = draw.standard_normal((max(1, round(1_501 * share)), _DIM), dtype=np.float32)
    sides = []
    for count in _MARKET[:2]:
        rows = draw.standard_normal((round(count * share), _DIM), dtype=np.float32)
        rows *= 1.3
        rows += centers[draw.integers(len(centers), size=len(rows))]
        sides.append(rows)
    return sides[0], sides[1]


@benchmark(
    Row("k-reciprocal re-ranking, 3,368 x 15,913", "s", at_most(20)),
    Row("peak memory of k-reciprocal re-ranking", "MB", at_most(1_300)),
)
def reranking(run: Run) -> tuple[Sample, Sample]:
    from reid_core.evaluation import rerank

    _one_thread()
    query, gallery = _people(run.size(1.0, _SMALL))
    took = seconds(lambda: rerank(query, gallery))
    own = (query.nbytes + gallery.nbytes + len(query) * len(gallery) * 4) / 1e6
    note = f"whole process, of which features and result are {own:.0f} MB"
    return Sample([took], note=f"one thread, dim {_DIM:,}"), Sample([peak_megabytes()], note=note)


@benchmark(Row("k-reciprocal re-ranking, 1,684 x 7,956, two threads", "s", at_most_times(1 / 1.6), "one thread"))
def reranking_on_two_threads(run: Run) -> Sample:
    """In turns; the distances must be the same to the bit."""
    import numpy as np
    import torch

    from reid_core.evaluation import rerank

    query, gallery = _people(run.size(0.5, _SMALL / 2))
    found: dict[int, list[Numbers]] = {1: [], 2: []}

    def refine(threads: int) -> float:
        torch.set_num_threads(threads)
        return seconds(lambda: found[threads].append(rerank(query, gallery)))

    values, peers = [], []
    for _ in range(run.size(3, 1)):
        values.append(refine(2))
        peers.append(refine(1))
        np.testing.assert_array_equal(found[1].pop(), found[2].pop())
    return Sample(values, peers, "equal to the bit; needs two free cores")


@benchmark(Row("k-reciprocal re-ranking, 421 x 1,989", "s", peer="the paper's dense algorithm"))
def reranking_beside_dense(run: Run) -> Sample:
    from plain_refinement import dense_rerank

    from reid_core.evaluation import rerank

    query, gallery = _people(run.size(_SMALL, _SMALL / 4))
    return _beside(
        run,
        lambda: rerank(query, gallery, k1=20, k2=6, lambda_=0.3),
        lambda: dense_rerank(query, gallery, k1=20, k2=6, lambda_=0.3),
    )


@benchmark(Row("alpha query expansion, 421 x 1,989", "s", peer="an image at a time from all cosines"))
def expansion(run: Run) -> Sample:
    import numpy as np
    from plain_refinement import plain_expansion

    from reid_core.evaluation import expand_queries

    query, gallery = _people(run.size(_SMALL, _SMALL / 4))
    return _beside(
        run,
        lambda: np.concatenate(expand_queries(query, gallery, k=5, alpha=3.0)),
        lambda: plain_expansion(query, gallery, k=5, alpha=3.0),
    )


def _beside(run: Run, our: Callable[[], Numbers], their: Callable[[], Numbers]) -> Sample:
    """Both ways in turns; they must give equal results, ours the same each time."""
    import numpy as np

    _one_thread()
    ours: list[Numbers] = []
    theirs: list[Numbers] = []
    values, peers = [], []
    for _ in range(run.size(3, 1)):
        values.append(seconds(lambda: ours.append(our())))
        peers.append(seconds(lambda: theirs.append(their())))
    _check_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[0], ours[-1])
    return Sample(values, peers, "one thread; equal results")


def _check_equal(got: Numbers, want: Numbers) -> None:
    import numpy as np

    if not np.allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max()):
        raise RuntimeError(f"both should compute the same, but differ by up to {np.abs(got - want).max():g}")


@benchmark(Row("TPR at FPR 1e-4, 1e-3, 1e-2, 3,368 x 15,913, from distances", "s", peer="sorting all pairs"))
def verification(run: Run) -> Sample:
    """Both on the same part of the queries against the whole gallery."""
    import numpy as np

    from reid_core.evaluation import tpr_at_fpr

    queries, gallery, people, cameras = _sizes(run, _MARKET)
    labels = _labels(queries, gallery, people, cameras)
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

    return _beside(run, lambda: tpr_at_fpr(distances, labels, fpr=rates), by_sorting)
