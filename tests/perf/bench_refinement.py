"""What refines a ranking: k-reciprocal re-ranking, on one thread and on two, and query expansion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perf_features import DIM, beside, one_thread, people_like
from perf_rows import Row, Run, Sample, at_most, at_most_times, benchmark, peak_megabytes, seconds

if TYPE_CHECKING:
    from plain_ranking import Numbers

_SMALL = 1 / 8
"""The part of Market's images on which dense algorithms are measured beside ours."""


@benchmark(
    Row("k-reciprocal re-ranking, 3,368 x 15,913", "s", at_most(20)),
    Row("peak memory of k-reciprocal re-ranking", "MB", at_most(1_300)),
)
def reranking(run: Run) -> tuple[Sample, Sample]:
    from reid_core.evaluation import rerank

    one_thread()
    query, gallery = people_like(run.size(1.0, _SMALL))
    took = seconds(lambda: rerank(query, gallery))
    own = (query.nbytes + gallery.nbytes + len(query) * len(gallery) * 4) / 1e6
    note = f"whole process, of which features and result are {own:.0f} MB"
    return Sample([took], note=f"one thread, dim {DIM:,}"), Sample([peak_megabytes()], note=note)


@benchmark(Row("k-reciprocal re-ranking, 1,684 x 7,956, two threads", "s", at_most_times(1 / 1.6), "one thread"))
def reranking_on_two_threads(run: Run) -> Sample:
    """In turns; the distances must be the same to the bit."""
    import numpy as np
    import torch

    from reid_core.evaluation import rerank

    query, gallery = people_like(run.size(0.5, _SMALL / 2))
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

    query, gallery = people_like(run.size(_SMALL, _SMALL / 4))
    return beside(
        run,
        lambda: rerank(query, gallery, k1=20, k2=6, lambda_=0.3),
        lambda: dense_rerank(query, gallery, k1=20, k2=6, lambda_=0.3),
    )


@benchmark(Row("alpha query expansion, 421 x 1,989", "s", peer="an image at a time from all cosines"))
def expansion(run: Run) -> Sample:
    import numpy as np
    from plain_refinement import plain_expansion

    from reid_core.evaluation import expand_queries

    query, gallery = people_like(run.size(_SMALL, _SMALL / 4))
    return beside(
        run,
        lambda: np.concatenate(expand_queries(query, gallery, k=5, alpha=3.0)),
        lambda: plain_expansion(query, gallery, k=5, alpha=3.0),
    )
