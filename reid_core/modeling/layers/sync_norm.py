"""Batch normalisation over the batch of all processes that train together, on any device."""

from __future__ import annotations

import torch
from torch import distributed, nn

__all__ = ["SyncBatchNorm"]


class SyncBatchNorm(nn.SyncBatchNorm):
    """torch's SyncBatchNorm, which knows GPUs only, on a CPU too; alone or in evaluation it is plain batch norm."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, ...) -> the same shape, normalised by the statistics of the batches of all processes."""
        together = self.training and distributed.is_available() and distributed.is_initialized()
        if not together or x.device.type != "cpu" or distributed.get_world_size() == 1:
            return super().forward(x)
        count, mean, variance = _statistics(x)
        self._move_running(count, mean.detach(), variance.detach())
        shape = (1, -1, *[1] * (x.dim() - 2))
        scale = (variance + self.eps).rsqrt() * self.weight
        return (x - mean.view(shape)) * scale.view(shape) + self.bias.view(shape)

    def _move_running(self, count: float, mean: torch.Tensor, variance: torch.Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        unbiased = variance * (count / max(count - 1.0, 1.0))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)


def _statistics(x: torch.Tensor) -> tuple[float, torch.Tensor, torch.Tensor]:
    """How many numbers a channel has in all processes, their mean and their variance (C,), with gradient.

    Two messages: differences from the common mean lose no digits, squares of the numbers themselves would.
    """
    dimensions = [0, *range(2, x.dim())]
    own = x.new_tensor([x.numel() / x.shape[1]])
    total = _summed(torch.cat([x.sum(dimensions), own]))
    everything = float(total[-1].detach())
    mean = total[:-1] / everything
    shape = (1, -1, *[1] * (x.dim() - 2))
    squares = _summed((x - mean.view(shape)).square().sum(dimensions))
    return everything, mean, squares / everything


def _summed(x: torch.Tensor) -> torch.Tensor:
    total: torch.Tensor = _Sum.apply(x)  # type: ignore[no-untyped-call]  # torch has no types here
    return total


class _Sum(torch.autograd.Function):
    """Sum over the processes; each one's gradient is the sum of all processes' gradients of it."""

    @staticmethod
    def forward(context: object, x: torch.Tensor) -> torch.Tensor:
        del context
        x = x.contiguous().clone()
        distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(context: object, *gradients: torch.Tensor) -> torch.Tensor:
        del context
        gradient = gradients[0].contiguous().clone()
        distributed.all_reduce(gradient)
        return gradient
