"""Rows of a parameter that had no part in a step rest in it: neither gradient, nor decay, nor momentum moves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

__all__ = ["rest_undrawn_rows"]


def rest_undrawn_rows(optimizer: Optimizer, weight: nn.Parameter, drawn: Callable[[], torch.Tensor | None]) -> None:
    """From now on each step of `optimizer` sees only the rows of `weight` (C, D) that `drawn` names; None: all.

    As An et al. 2021 train a sampled classifier: a row that rests keeps its value and what the optimiser remembers of
    it (momentum, moments) until it is drawn again. The count of steps, by which Adam corrects its moments, is one for
    the whole parameter: it goes on for rows that rest. The state dict has the shape of the whole parameter.
    """
    swap = _Swap(weight, drawn)
    optimizer.register_step_pre_hook(lambda given, *_: swap.narrow(given))
    optimizer.register_step_post_hook(lambda given, *_: swap.widen(given))


class _Swap:
    """During a step, a copy of the drawn rows stands in the optimiser where the parameter stood."""

    def __init__(self, weight: nn.Parameter, drawn: Callable[[], torch.Tensor | None]) -> None:
        self._weight = weight
        self._drawn = drawn
        self._rows: torch.Tensor | None = None
        self._narrow: nn.Parameter | None = None

    def narrow(self, optimizer: Optimizer) -> None:
        rows, gradient = self._drawn(), self._weight.grad
        if rows is None or gradient is None:
            return
        narrow = nn.Parameter(self._weight.detach()[rows])
        narrow.grad = gradient[rows]
        self._replace(optimizer, self._weight, narrow)
        if self._weight in optimizer.state:
            whole = optimizer.state.pop(self._weight)
            self._whole = whole
            optimizer.state[narrow] = {
                name: value[rows] if self._is_whole(value) else value for name, value in whole.items()
            }
        else:
            self._whole = {}
        self._rows, self._narrow = rows, narrow

    def widen(self, optimizer: Optimizer) -> None:
        rows, narrow = self._rows, self._narrow
        if rows is None or narrow is None:
            return
        self._rows = self._narrow = None
        self._replace(optimizer, narrow, self._weight)
        with torch.no_grad():
            self._weight[rows] = narrow
        state = optimizer.state.pop(narrow, {})
        optimizer.state[self._weight] = {
            name: self._widened(name, value, rows, narrow) for name, value in state.items()
        }

    def _widened(self, name: str, value: Any, rows: torch.Tensor, narrow: nn.Parameter) -> Any:
        if not isinstance(value, torch.Tensor) or value.shape != narrow.shape:
            return value
        whole = self._whole.get(name)
        if whole is None:  # the first step: what is not known of a row is what an optimiser begins with
            whole = torch.zeros_like(self._weight, dtype=value.dtype)
        whole[rows] = value
        return whole

    def _is_whole(self, value: Any) -> bool:
        return isinstance(value, torch.Tensor) and value.shape == self._weight.shape

    @staticmethod
    def _replace(optimizer: Optimizer, old: nn.Parameter, new: nn.Parameter) -> None:
        for group in optimizer.param_groups:
            group["params"] = [new if one is old else one for one in group["params"]]
