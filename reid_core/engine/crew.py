"""The processes that train one model together, and what they tell each other.

Every process computes its part of the batch; outputs are gathered, so that every loss sees the whole batch, whatever it
compares; each process sends back the gradient of its own images, and the sum over processes is the gradient that one
process would have. Nothing here knows models or losses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import distributed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["ALONE", "Crew"]

Tree = TypeVar("Tree")


@dataclass(frozen=True, slots=True)
class Crew:
    """This process is number `rank` of `count`; number 0 measures, saves and speaks.

    With more than one, everything but `rows` must be called by all of them in the same order, inside a process group.
    Where they are spread over several machines, this is number `seat` of `seats` on its own.
    """

    rank: int = 0
    count: int = 1
    seat: int | None = None
    seats: int | None = None

    @property
    def here(self) -> tuple[int, int]:
        """Its number among the processes on this machine, and how many those are."""
        alone = self.seat is None or self.seats is None
        return (self.rank, self.count) if alone else (self.seat or 0, self.seats or 1)

    @property
    def leads(self) -> bool:
        """Whether this is the process that measures, saves and speaks."""
        return self.rank == 0

    def rows(self, size: int, parts: int = 1) -> npt.NDArray[np.int64]:
        """Which rows of a batch of `size` are this process's own: its share of each of `parts` micro-batches."""
        micro_batches = np.array_split(np.arange(size, dtype=np.int64), parts)
        return np.concatenate([np.array_split(part, self.count)[self.rank] for part in micro_batches])

    def sizes(self, own: int, device: torch.device) -> list[int]:
        """How many rows each process has."""
        if self.count == 1:
            return [own]
        every = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(self.count)]
        distributed.all_gather(every, torch.tensor([own], device=device))
        return [int(one.item()) for one in every]

    def gather(self, tree: Tree, sizes: Sequence[int]) -> Tree:
        """The rows of all processes, in their order: tensors (b, ...) become (sum(sizes), ...), with their gradient.

        `tree` is a tensor, None, or a dataclass or dictionary of such. Every process must compute the same loss of
        what it gets; each then receives the gradient of its own rows, without another message.
        """
        return tree if self.count == 1 else self._gathered(tree, sizes)

    def _gathered(self, tree: Any, sizes: Sequence[int]) -> Any:
        if isinstance(tree, torch.Tensor):
            return _Gather.apply(tree, self.rank, tuple(sizes))  # type: ignore[no-untyped-call]  # torch has no types here
        if isinstance(tree, dict):
            return {name: self._gathered(one, sizes) for name, one in tree.items()}
        if is_dataclass(tree) and not isinstance(tree, type):
            return _replaced(tree, {one.name: self._gathered(getattr(tree, one.name), sizes) for one in fields(tree)})
        return tree

    def add_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by its sum over the processes, in one message."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.count == 1 or not gradients:
            return
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        for gradient, summed in zip(gradients, torch.split(flat, [one.numel() for one in gradients]), strict=True):
            gradient.copy_(summed.view(gradient.shape))

    def average_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """As `add_gradients`, divided by the number of processes: for what all of them computed alike."""
        every = list(parameters)
        self.add_gradients(every)
        for parameter in every if self.count > 1 else ():
            if parameter.grad is not None:
                parameter.grad.div_(self.count)

    def every(self, own: torch.Tensor, device: torch.device) -> torch.Tensor:
        """The tensors of all processes, of one shape, as rows on the CPU; they travel over `device`."""
        if self.count == 1:
            return own[None]
        sent = own.to(device)
        rows = [torch.empty_like(sent) for _ in range(self.count)]
        distributed.all_gather(rows, sent)
        return torch.stack(rows).cpu()

    def as_led(self, flag: bool, device: torch.device) -> bool:
        """What the leading process says; the others' `flag` is not read."""
        if self.count == 1:
            return flag
        said = torch.tensor([flag], dtype=torch.int64, device=device)
        distributed.broadcast(said, src=0)
        return bool(said.item())


ALONE = Crew()
"""A process that trains by itself."""


def _replaced(tree: DataclassInstance, values: dict[str, Any]) -> Any:
    return replace(tree, **values)


class _Gather(torch.autograd.Function):
    """Rows of all processes; backward keeps the gradient of the own rows (every process has the whole loss)."""

    @staticmethod
    def forward(context: Any, rows: torch.Tensor, rank: int, sizes: tuple[int, ...]) -> torch.Tensor:
        context.start, context.own = sum(sizes[:rank]), sizes[rank]
        # processes send equally much: pad to the longest
        sent = rows.new_zeros((max(sizes), *rows.shape[1:]))
        sent[: len(rows)] = rows
        every = [torch.empty_like(sent) for _ in sizes]
        distributed.all_gather(every, sent)
        return torch.cat([one[:size] for one, size in zip(every, sizes, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return gradients[0].narrow(0, context.start, context.own), None, None
