"""Products of features on threads or a GPU, with the same bits however the rows are parted and whoever computes them.

What a matrix library rounds depends on the shape it is given: the last few rows and columns of a product go through
another kernel than the rest, and so may the seam between two threads. Here the shape of every product is filled up with
zeros to whole steps, and one thread computes it; several threads take several products. A distance is then a function
of its two features alone, and block sizes and thread counts change no rank: on the CPU, within one process. Tests show
that on the machine they run on; a library whose kernels take other steps may round the last bit by the shape again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["ROW_STEP", "SideBySide", "on_device", "product", "side_by_side", "stripes"]

ROW_STEP = 16
_COLUMN_STEP = 48
"""Multiples of what the kernels of AVX2 and AVX-512 take at once, in both types."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class SideBySide(Protocol):
    """As `map`: the results in the order of the items."""

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        """Do `work` with every item."""
        ...


def on_device(array: npt.NDArray[np.generic], device: torch.device | None) -> torch.Tensor:
    """The array as a tensor: on the CPU sharing its memory, on another device a copy."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor if device is None else tensor.to(device)


def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Left (M, D) times right (G, D) transposed: (M, G)."""
    rows, columns = left.shape[0], right.shape[0]
    left = _filled(left, ROW_STEP)
    found = left.new_empty(left.shape[0], columns)
    inner = columns - columns % _COLUMN_STEP
    torch.mm(left, right[:inner].T, out=found[:, :inner])
    if inner < columns:
        found[:, inner:] = (left @ _filled(right[inner:], _COLUMN_STEP).T)[:, : columns - inner]
    return found[:rows]


def _filled(rows: torch.Tensor, step: int) -> torch.Tensor:
    """With rows of zeros added up to a multiple of `step`."""
    missing = -rows.shape[0] % step
    return torch.cat([rows, rows.new_zeros(missing, rows.shape[1])]) if missing else rows


def stripes(count: int, parts: int) -> list[slice]:
    """0 .. count in at most `parts` slices of whole ROW_STEPs, but for the last."""
    each = max(1, -(-count // (parts * ROW_STEP))) * ROW_STEP
    return [slice(start, min(start + each, count)) for start in range(0, count, each)]


@contextmanager
def side_by_side(device: torch.device | None = None) -> Iterator[tuple[SideBySide, int]]:
    """Yield a `map` on as many threads as torch computes with, each with one of its own, and their number.

    It begins a few items ahead of what is taken from it, so results do not pile up. With one thread, or on a GPU, it is
    `map` itself. In here the calling thread has one thread of torch too: what it does to results must not take, by
    OpenMP, the cores that the others compute on. Afterwards it has as many as before.
    """
    count = torch.get_num_threads()
    if count == 1 or (device is not None and device.type != "cpu"):
        yield map, 1
        return
    pool = ThreadPoolExecutor(
        count, thread_name_prefix="reid-products", initializer=torch.set_num_threads, initargs=(1,)
    )
    torch.set_num_threads(1)
    try:
        yield partial(_in_order, pool, 2 * count), count
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(count)  # a thread that sets its own number sets that of threads to come too


def _in_order(
    pool: ThreadPoolExecutor, ahead: int, work: Callable[[Item], Result], items: Iterable[Item], /
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
