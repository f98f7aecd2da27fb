"""The families of backbones: their sizes, their strides, the switches they have. The one place to add a name.

A line here makes `MODEL.BACKBONE.NAME` choosable; reid_core/modeling/registry/backbones.py builds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["FAMILIES", "Family", "Switch", "size_of"]

_UNSET = "50x"
"""The schema's default of DEPTH: where a family has no such size, it means its standard size."""


class Switch(StrEnum):
    """Keys below MODEL.BACKBONE that only some families have; the others refuse them when they are on."""

    IBN = "WITH_IBN"
    SE = "WITH_SE"
    NL = "WITH_NL"


@dataclass(frozen=True, slots=True)
class Family:
    """`sizes` are the spellings of MODEL.BACKBONE.DEPTH, the standard one first, none where it is not read.

    `stride`: pixels per feature cell. `last_stride`: MODEL.BACKBONE.LAST_STRIDE is read, and at 1 halves the stride.
    """

    sizes: tuple[str, ...] = ()
    stride: int = 32
    last_stride: bool = False
    switches: frozenset[Switch] = frozenset()


FAMILIES: dict[str, Family] = {
    "build_mobilenetv2_backbone": Family(("1.0x", "0.75x", "0.5x", "0.35x", "0.25x", "0.1x")),
    "build_resnet_backbone": Family(
        ("50x", "18x", "34x", "101x", "152x"), last_stride=True, switches=frozenset({Switch.IBN, Switch.SE, Switch.NL})
    ),
}
"""`MODEL.BACKBONE.NAME` -> what the configuration must know of it."""


def size_of(name: str, depth: str) -> str:
    """The size of family `name` that MODEL.BACKBONE.DEPTH `depth` means."""
    sizes = FAMILIES[name].sizes
    return sizes[0] if sizes and depth == _UNSET and depth not in sizes else depth
