"""Features and labels of the sizes of real data sets, for the benchmarks of evaluation, and two ways in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from perf_rows import Run, Sample, seconds

if TYPE_CHECKING:
    from plain_ranking import Numbers

    from reid_core.evaluation import Labels

__all__ = ["DIM", "MARKET", "MSMT17", "beside", "features_of", "labels_of", "one_thread", "people_like", "sizes_of"]

DIM = 2_048
MARKET = (3_368, 15_913, 750, 6)  # queries, gallery, identities, cameras
MSMT17 = (11_659, 82_161, 3_060, 15)


def sizes_of(run: Run, full: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    queries, gallery, people, cameras = full
    part = run.size(1, 8)
    return queries // part, gallery // part, people // part, cameras


def labels_of(queries: int, gallery: int, people: int, cameras: int) -> Labels:
    """Drawn evenly, so that the number of matches a query has is that of the real set."""
    import numpy as np

    from reid_core.evaluation import Labels

    draw = np.random.default_rng(1)
    pids = [draw.integers(people, size=count) for count in (queries, gallery)]
    camids = [draw.integers(cameras, size=count) for count in (queries, gallery)]
    return Labels(pids[0], pids[1], camids[0], camids[1])


def features_of(count: int, seed: int) -> Numbers:
    import numpy as np

    return np.random.default_rng(seed).standard_normal((count, DIM), dtype=np.float32)


def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def people_like(share: float) -> tuple[Numbers, Numbers]:
    """Features of a share of Market's images around a center for each of 1,501 identities, so that neighbours agree."""
    import numpy as np

    draw = np.random.default_rng(5)
    centers = draw.standard_normal((max(1, round(1_501 * share)), DIM), dtype=np.float32)
    sides = []
    for count in MARKET[:2]:
        rows = draw.standard_normal((round(count * share), DIM), dtype=np.float32)
        rows *= 1.3
        rows += centers[draw.integers(len(centers), size=len(rows))]
        sides.append(rows)
    return sides[0], sides[1]


def beside(run: Run, our: Callable[[], Numbers], their: Callable[[], Numbers]) -> Sample:
    """Both ways in turns; they must give equal results, ours the same each time."""
    import numpy as np

    one_thread()
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
