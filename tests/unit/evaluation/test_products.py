"""Work side by side: in order, not far ahead of who takes it, and torch's number of threads is left alone."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from reid_core.evaluation import Distance, distance_matrix, neighbours, rerank
from reid_core.evaluation.products import product, side_by_side, stripes


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_nobody_takes_the_cores_of_those_who_compute(two_threads):
    """What the calling thread did to results in between on two threads of OpenMP cost as much as it saved."""
    with side_by_side() as (spread, count):
        inside = set(spread(lambda _: torch.get_num_threads(), range(8)))
        assert (count, inside, torch.get_num_threads()) == (2, {1}, 1)
    assert torch.get_num_threads() == 2


def test_results_come_in_order_and_do_not_pile_up(two_threads):
    begun = []
    with side_by_side() as (spread, _):
        taken = spread(lambda item: begun.append(item) or item, range(100))
        assert next(taken) == 0
        assert len(begun) <= 6
        assert list(taken) == list(range(1, 100))


def test_an_error_in_a_thread_is_told_and_ends_them(two_threads):
    def work(item):
        if item == 3:
            raise MemoryError("no room")
        return item

    with pytest.raises(MemoryError, match="no room"), side_by_side() as (spread, _):
        list(spread(work, range(50)))
    assert torch.get_num_threads() == 2
    assert not [one for one in threading.enumerate() if one.name.startswith("reid-products")]


def test_training_in_another_thread_keeps_its_number_of_threads(two_threads):
    """The number belongs to a thread once it has computed: side by side work elsewhere does not change it."""
    seen, first, then = [], threading.Event(), threading.Event()

    def trains():
        torch.ones(4).sum()
        seen.append(torch.get_num_threads())
        first.set()
        then.wait(20)
        seen.append(torch.get_num_threads())

    other = threading.Thread(target=trains)
    other.start()
    assert first.wait(20)
    with side_by_side() as (spread, _):
        list(spread(lambda item: item, range(4)))
        then.set()
        other.join(20)
    assert seen == [2, 2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("metric", Distance)
@pytest.mark.parametrize(("queries", "gallery", "dim"), [(1, 1, 1), (0, 3, 4), (3, 0, 4), (2, 50, 1), (17, 49, 3)])
def test_any_size_and_layout_gives_what_rows_side_by_side_in_memory_give(queries, gallery, dim, metric, dtype):
    draw = np.random.default_rng(1)
    wide = [draw.standard_normal((count, 2 * dim)).astype(dtype) for count in (queries, gallery)]
    striding = [np.asfortranarray(one)[:, ::2] for one in wide]
    packed = [np.ascontiguousarray(one) for one in striding]
    if queries:
        found = distance_matrix(*striding, metric)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, distance_matrix(*packed, metric))
        np.testing.assert_array_equal(rerank(*striding, metric=metric), rerank(*packed, metric=metric))
    near = neighbours(striding[1], 5, metric=metric)
    assert near.indices.shape == (gallery, min(5, gallery))
    np.testing.assert_array_equal(near.indices, neighbours(packed[1], 5, metric=metric).indices)


def test_products_are_those_of_the_definition():
    left, right = torch.randn(19, 7, dtype=torch.float64), torch.randn(101, 7, dtype=torch.float64)
    torch.testing.assert_close(product(left, right), left @ right.T)
    assert [(one.start, one.stop) for one in stripes(40, 2)] == [(0, 32), (32, 40)]
