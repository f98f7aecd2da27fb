"""Where the stages of a backbone end: the feature maps that overhaul distillation compares, found by structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.hooks import RemovableHandle

from reid_core.distill.overhaul import overhaul_margin
from reid_core.errors import ConfigError, Finding
from reid_core.modeling.backbones.repvgg import RepVGGBlock

__all__ = ["Stage", "recorded", "stages_of"]

_LAST = 4
_NAMED = (
    ("s2", "s3", "s5", "s7"),  # EfficientNet
    ("layer1", "layer2", "layer3", "layer4"),  # ResNet, ResNeXt, ResNeSt, torchvision's too
    ("stage1", "stage2", "stage3", "stage4"),  # RepVGG
    ("conv2", "conv3", "conv4", "conv5"),  # OSNet
    ("s1", "s2", "s3", "s4"),  # RegNet
)
_SHORTCUTS = ("downsample", "shortcut")


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """The end of a stage: 4 is the last, 1 the one with a quarter of the image's height, where the family has it.

    Its feature map goes into `module`, the ReLU that ends it; where `rectified` is false there is no ReLU (inverted
    residuals end linearly) and the map is what comes out of `module`. `norms` are what its values come from: the
    last normalisation in front, or several whose outputs are summed.
    """

    number: int
    module: nn.Module
    rectified: bool
    norms: tuple[nn.Module, ...]

    @property
    def channels(self) -> int:
        """How many the feature map has."""
        return _weight(self.norms[-1]).numel()

    @torch.no_grad()
    def margin(self) -> torch.Tensor:
        """The margin of each channel, (1, C, 1, 1): the mean of the negative values behind its norm (equation 3)."""
        weight = torch.stack([_weight(norm).square() for norm in self.norms]).sum(dim=0).sqrt()
        bias = torch.stack([_bias(norm) for norm in self.norms]).sum(dim=0)
        return overhaul_margin(weight, bias).view(1, -1, 1, 1)


def stages_of(backbone: nn.Module, *, name: str) -> tuple[Stage, ...]:
    """The stages of a backbone, by number; `name` is how errors call it.

    ConfigError: it has no stages of blocks with a normalisation at their end, as vision transformers.
    """
    stages = [_stage(number, block) for number, block in sorted(_last_blocks(backbone).items())]
    found = tuple(stage for stage in stages if stage is not None)
    if found and len(found) == len(stages):
        return found
    message = f"KD.OVERHAUL compares feature maps before their ReLU, and none are found in {name}"
    hint = "set KD.OVERHAUL.SCALE to 0; KD.LOGITS, KD.RELATION and KD.EMBEDDING work with any backbone"
    raise ConfigError(Finding("impossible", message, hint=hint, key="KD.OVERHAUL.SCALE"))


@contextmanager
def recorded(stages: Sequence[Stage]) -> Iterator[Mapping[int, torch.Tensor]]:
    """While the network runs in here: the feature map (B, C, h, w) of each stage, by number; hooks last as long."""
    maps: dict[int, torch.Tensor] = {}
    handles: list[RemovableHandle] = []
    inplace: list[nn.ReLU] = []
    for stage in stages:
        handles.append(_watch(stage, maps))
        if isinstance(stage.module, nn.ReLU) and stage.module.inplace:
            stage.module.inplace = False  # it would write over the map
            inplace.append(stage.module)
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()
        for module in inplace:
            module.inplace = True


def _watch(stage: Stage, maps: dict[int, torch.Tensor]) -> RemovableHandle:
    """A block calls its one ReLU several times: the last counts."""

    def keep_input(_module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        maps[stage.number] = given[0]

    def keep_output(_module: nn.Module, _given: object, result: torch.Tensor) -> None:
        maps[stage.number] = result

    if stage.rectified:
        return stage.module.register_forward_pre_hook(keep_input)
    return stage.module.register_forward_hook(keep_output)


def _last_blocks(backbone: nn.Module) -> dict[int, nn.Module]:
    """The last block of each stage, by the stage's number."""
    children = dict(backbone.named_children())
    for names in _NAMED:
        if children.keys() >= set(names):
            return {number: _last_block(children[name]) for number, name in enumerate(names, start=1)}
    features = children.get("features")
    return _before_strides(features) if isinstance(features, nn.Sequential) else {}


def _last_block(layer: nn.Module) -> nn.Module:
    """The last child that sums and rectifies; else the last child of a sequence, or the layer itself."""
    if not isinstance(layer, nn.Sequential) or not len(layer):
        return layer
    rectifying = [child for child in layer if isinstance(getattr(child, "relu", None), nn.ReLU)]
    return rectifying[-1] if rectifying else list(layer)[-1]


def _before_strides(features: nn.Sequential) -> dict[int, nn.Module]:
    """The last block before each halving of a flat row of blocks, and the last of all; layers around them are none."""
    ends: list[nn.Module | None] = []
    for child in features:
        if _halves(child):
            ends.append(None)
        if not isinstance(child, nn.Sequential) and ends:
            ends[-1] = child
    numbered = zip(range(_LAST, 0, -1), reversed(ends), strict=False)
    return {number: block for number, block in numbered if block is not None}


def _halves(block: nn.Module) -> bool:
    return any(max(layer.stride) > 1 for layer in block.modules() if isinstance(layer, nn.Conv2d))


def _stage(number: int, block: nn.Module) -> Stage | None:
    norms = _norms(block)
    leaves = [module for module in block.modules() if not list(module.children())]
    relu = getattr(block, "relu", leaves[-1])
    if not norms or not leaves:
        return None
    if isinstance(relu, nn.ReLU):
        return Stage(number, relu, rectified=True, norms=norms)
    return Stage(number, block, rectified=False, norms=norms) if _is_norm(leaves[-1]) else None


def _norms(block: nn.Module) -> tuple[nn.Module, ...]:
    """What the values of a block are normalised by last, the shortcut left out as in the paper; RepVGG sums several."""
    found = [module for name, module in block.named_modules() if _is_norm(module) and not name.startswith(_SHORTCUTS)]
    return tuple(found if isinstance(block, RepVGGBlock) else found[-1:])


def _is_norm(module: nn.Module) -> bool:
    return isinstance(module, _NormBase | nn.GroupNorm) and module.weight is not None


def _weight(norm: nn.Module) -> torch.Tensor:
    return _parameter(norm.weight)


def _bias(norm: nn.Module) -> torch.Tensor:
    return _parameter(norm.bias)


def _parameter(value: object) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        raise TypeError("a normalisation without weight and bias ends no stage")
    return value.detach()
