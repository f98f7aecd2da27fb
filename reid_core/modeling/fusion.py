"""Convolutions that swallow the batch norm behind them, while a model is only looked at.

In evaluation a batch norm is y = x s + t with fixed numbers a channel, and a convolution before it can do that itself:
weight * s, bias * s + t. The same function in exact arithmetic, one pass over memory less a layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["Pair", "fuse", "fused", "pairs"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A convolution and the batch norm that alone uses its result, by their names inside the module named `parent`."""

    parent: str
    convolution: str
    norm: str


_Own: TypeAlias = tuple[nn.Module, str, nn.Module]
"""A parent, the name of its part, and the part that is its own."""

_KNOWN: WeakKeyDictionary[nn.Module, list[Pair]] = WeakKeyDictionary()


@contextmanager
def fused(model: nn.Module) -> Iterator[None]:
    """Inside, `model`, which must be in evaluation mode, computes with its batch norms inside its convolutions.

    Its own parts come back afterwards, untouched: save and average it outside.
    """
    found = _KNOWN.get(model)
    if found is None:
        found = _KNOWN[model] = pairs(model)
    own: list[_Own] = []
    try:
        _put(model, found, own)
        yield
    finally:
        for parent, name, module in own:
            setattr(parent, name, module)


def fuse(model: nn.Module) -> None:
    """The same for good, in place: for a copy in evaluation mode that is not trained, saved or averaged any more."""
    _put(model, pairs(model), [])
    _KNOWN[model] = []


def _put(model: nn.Module, found: list[Pair], own: list[_Own]) -> None:
    """Replace each pair; `own` takes what stood there."""
    for pair in found:
        parent = model.get_submodule(pair.parent)
        convolution, norm = getattr(parent, pair.convolution), getattr(parent, pair.norm)
        if norm.training:
            continue
        own += [(parent, pair.convolution, convolution), (parent, pair.norm, norm)]
        setattr(parent, pair.convolution, _swallow(convolution, norm))
        setattr(parent, pair.norm, nn.Identity())


def pairs(model: nn.Module) -> list[Pair]:
    """Every convolution of `model` whose result goes to one batch norm of the same parent and nowhere else.

    Found by tracing each module that has both as direct children; one whose code cannot be traced is left as it is,
    and so is a module that stands in more than one place.
    """
    places = Counter(module for _, module in model.named_modules(remove_duplicate=False))
    found = []
    for name, module in model.named_modules():
        kinds = [type(child) for child in module.children()]
        if nn.Conv2d in kinds and any(issubclass(kind, _BatchNorm) for kind in kinds):
            found += [
                Pair(name, convolution, norm)
                for convolution, norm in _neighbours(module)
                if places[module] == places[getattr(module, convolution)] == places[getattr(module, norm)] == 1
            ]
    return found


class _OneLevel(fx.Tracer):
    """Traces a module's own code; its children are black boxes."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        del m, module_qualified_name
        return True


def _neighbours(parent: nn.Module) -> Iterator[tuple[str, str]]:
    """The names of a convolution and of the batch norm that alone uses what it made, each called once."""
    try:
        graph = _OneLevel().trace(parent)
    except Exception:  # noqa: BLE001 - whatever the tracer or the module says about it, it stays as it is
        return
    calls = [node for node in graph.nodes if node.op == "call_module"]
    for node in calls:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        names = str(before.target), str(node.target)
        once = all(sum(one.target == name for one in calls) == 1 for name in names)
        if once and not any("." in name for name in names) and _fits(*(getattr(parent, name) for name in names)):
            yield names


def _fits(convolution: nn.Module, norm: nn.Module) -> bool:
    return (
        type(convolution) is nn.Conv2d
        and isinstance(norm, _BatchNorm)
        and norm.running_mean is not None
        and not (convolution._forward_hooks or norm._forward_hooks)  # noqa: SLF001 - a hook would miss its call
    )


@torch.no_grad()
def _swallow(convolution: nn.Module, norm: nn.Module) -> nn.Conv2d:
    """One convolution for both, in the precision and memory layout of the given one."""
    if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, _BatchNorm):
        raise TypeError("a pair is a Conv2d and a batch norm")
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without statistics cannot be fused")
    scale = (norm.running_var + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight
    bias = norm.bias if norm.bias is not None else torch.zeros_like(scale)
    before = convolution.bias if convolution.bias is not None else torch.zeros_like(scale)
    result = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,  # type: ignore[arg-type]  # torch annotates what it stores more loosely
        convolution.stride,  # type: ignore[arg-type]
        convolution.padding,  # type: ignore[arg-type]
        convolution.dilation,  # type: ignore[arg-type]
        convolution.groups,
        padding_mode=convolution.padding_mode,
        device="meta",
    )
    result.weight = nn.Parameter(convolution.weight * scale[:, None, None, None], requires_grad=False)
    result.bias = nn.Parameter((before - norm.running_mean) * scale + bias, requires_grad=False)
    return result.eval()
