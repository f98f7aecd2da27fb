"""MobileNets and EfficientNets as several tools name them: the same layers, found by their role in a block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reid_core.modeling.weights.reading import Tensors

__all__ = ["DIALECTS", "Dialect", "dialect_of", "translate_inverted_residuals"]

_ROLES = ("expand", "expand_norm", "depthwise", "depthwise_norm", "squeeze", "excite", "project", "project_norm")


def _kind(*, expand: str = "", depthwise: str, squeeze: str = "", project: str) -> dict[str, str]:
    """Name inside a block -> role; each argument is the names of two layers."""
    pairs = ((expand, _ROLES[0:2]), (depthwise, _ROLES[2:4]), (squeeze, _ROLES[4:6]), (project, _ROLES[6:8]))
    return {name: role for names, roles in pairs for name, role in zip(names.split(), roles, strict=False)}


def _ends(stem: str, head: str = "", last: str = "") -> dict[str, str]:
    """Layer -> role, before and behind the blocks; `last` is the convolution that MobileNetV3 has before its head."""
    pairs = ((stem, ("stem", "stem_norm")), (head, ("head", "head_norm")), (last, ("last", "last_norm")))
    return {layer: role for layers, roles in pairs for layer, role in zip(layers.split(), roles, strict=False)}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one tool names the layers of one family.

    `marks` are layers that tell it. `block` matches a layer in a block: numbers that place the block, then the rest
    of its name. `kinds` map that rest to a role; of several, the first that knows all layers of a block counts.
    """

    source: str
    family: str
    marks: tuple[str, ...]
    block: re.Pattern[str]
    kinds: tuple[Mapping[str, str], ...]
    ends: Mapping[str, str]

    def roles(self, layers: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Layer -> (its block, counted from 0 in the network's order; role); the block of the ends is -1."""
        found: dict[str, tuple[int, str]] = {}
        blocks: dict[tuple[int, ...], dict[str, str]] = {}
        for layer in layers:
            if layer in self.ends:
                found[layer] = (-1, self.ends[layer])
            elif match := self.block.fullmatch(layer):
                *place, rest = match.groups()
                blocks.setdefault(tuple(map(int, place)), {})[rest] = layer
        for number, (_, members) in enumerate(sorted(blocks.items())):
            kind = next((kind for kind in self.kinds if kind.keys() >= members.keys()), {})
            found |= {layer: (number, kind[rest]) for rest, layer in members.items() if rest in kind}
        return found


_NESTED = (
    _kind(depthwise="0.0 0.1", project="1.0 1.1"),
    _kind(depthwise="0.0 0.1", squeeze="1.fc1 1.fc2", project="2.0 2.1"),
    _kind(expand="0.0 0.1", depthwise="1.0 1.1", project="2.0 2.1"),
    _kind(expand="0.0 0.1", depthwise="1.0 1.1", squeeze="2.fc1 2.fc2", project="3.0 3.1"),
)
_TIMM = (
    _kind(depthwise="conv_dw bn1", squeeze="se.conv_reduce se.conv_expand", project="conv_pw bn2"),
    _kind(
        expand="conv_pw bn1",
        depthwise="conv_dw bn2",
        squeeze="se.conv_reduce se.conv_expand",
        project="conv_pwl bn3",
    ),
)
_TIMM_BLOCK = re.compile(r"blocks\.(\d+)\.(\d+)\.(.+)")
_V2, _V3, _EFFICIENT = "MobileNetV2", "MobileNetV3", "EfficientNet"

# Where the marks of one dialect are among another's layers, the more particular one comes first.
DIALECTS = (
    Dialect(
        "FastReID",
        _V2,
        ("conv.0", "features.1.conv.0"),
        re.compile(r"features\.(\d+)\.conv\.(\d+)"),
        (_kind(depthwise="0 1", project="3 4"), _kind(expand="0 1", depthwise="3 4", project="6 7")),
        _ends("features.0.0 features.0.1", "conv.0 conv.1"),
    ),
    Dialect(
        "torchvision",
        _V2,
        ("features.18.0", "features.1.conv.0.0"),
        re.compile(r"features\.(\d+)\.conv\.(\d+(?:\.\d+)?)"),
        (_kind(depthwise="0.0 0.1", project="1 2"), _kind(expand="0.0 0.1", depthwise="1.0 1.1", project="2 3")),
        _ends("features.0.0 features.0.1", "features.18.0 features.18.1"),
    ),
    *(
        Dialect(
            source,
            _V3,
            (last, "features.1.block.0.0", *extra),
            re.compile(r"features\.(\d+)\.block\.(.+)"),
            _NESTED,
            _ends("features.0.0 features.0.1", last=f"{last} {last[:-1]}1", head="conv.0 conv.1"),
        )
        for last in ("features.16.0", "features.12.0")
        for source, extra in (("FastReID", ("conv.0",)), ("torchvision", ()))
    ),
    Dialect(
        "torchvision",
        _EFFICIENT,
        ("features.8.0", "features.1.0.block.0.0"),
        re.compile(r"features\.(\d+)\.(\d+)\.block\.(.+)"),
        _NESTED,
        _ends("features.0.0 features.0.1", "features.8.0 features.8.1"),
    ),
    # timm's MobileNetV3 has a head of another shape (a bias, no norm): it is left out, as torchvision's is.
    *(
        Dialect(
            "timm", _V3, (f"{last}.conv",), _TIMM_BLOCK, _TIMM, _ends("conv_stem bn1", last=f"{last}.conv {last}.bn1")
        )
        for last in ("blocks.6.0", "blocks.5.0")
    ),
    Dialect(
        "timm",
        _EFFICIENT,
        ("conv_stem", "blocks.0.0.conv_dw"),
        _TIMM_BLOCK,
        _TIMM,
        _ends("conv_stem bn1", "conv_head bn2"),
    ),
    Dialect(
        "EfficientNet-PyTorch",
        _EFFICIENT,
        ("_conv_stem", "_blocks.0._depthwise_conv"),
        re.compile(r"_blocks\.(\d+)\.(.+)"),
        (
            _kind(
                expand="_expand_conv _bn0",
                depthwise="_depthwise_conv _bn1",
                squeeze="_se_reduce _se_expand",
                project="_project_conv _bn2",
            ),
        ),
        _ends("_conv_stem _bn0", "_conv_head _bn1"),
    ),
    Dialect(
        "FastReID",
        _EFFICIENT,
        ("stem.conv", "s1.b1.dwise"),
        re.compile(r"s(\d+)\.b(\d+)\.(.+)"),
        (
            _kind(
                expand="exp exp_bn",
                depthwise="dwise dwise_bn",
                squeeze="se.f_ex.0 se.f_ex.2",
                project="lin_proj lin_proj_bn",
            ),
        ),
        _ends("stem.conv stem.bn", "head.conv head.conv_bn"),
    ),
)
"""The dialects known; those of FastReID are the modules' own."""


def dialect_of(names: Iterable[str]) -> Dialect | None:
    """The dialect of a state dict's names, None where it is no inverted-residual network known here."""
    layers = {name.rpartition(".")[0] for name in names}
    return next((dialect for dialect in DIALECTS if layers.issuperset(dialect.marks)), None)


def translate_inverted_residuals(tensors: Tensors, own: Tensors) -> Tensors:
    """`tensors` under the names that `own`, a module's state dict, has for the same roles; others keep their names.

    timm names MobileNetV2 as it names EfficientNet, so the families are not compared: shapes tell them apart.
    """
    theirs, ours = dialect_of(tensors), dialect_of(own)
    if theirs is None or ours is None or theirs is ours:
        return tensors
    place = {role: layer for layer, role in ours.roles(_layers(own)).items()}
    roles = theirs.roles(_layers(tensors))
    renamed = {}
    for name, value in tensors.items():
        layer, _, attribute = name.rpartition(".")
        target = place.get(roles[layer]) if layer in roles else None
        renamed[name if target is None else f"{target}.{attribute}"] = value
    return renamed


def _layers(tensors: Tensors) -> list[str]:
    return list(dict.fromkeys(name.rpartition(".")[0] for name in tensors))
