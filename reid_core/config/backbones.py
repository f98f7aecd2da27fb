"""The families of backbones: their sizes, their strides, the switches they have. The one place to add a name.

A line here makes `MODEL.BACKBONE.NAME` choosable; reid_core/modeling/registry/backbones.py builds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["FAMILIES", "IMPORT_PATH", "IMPORT_PATH_FORM", "Family", "Switch", "size_of"]

IMPORT_PATH_FORM = "package.module:function"
"""How `MODEL.BACKBONE.NAME` names a backbone of the user's own; modeling/registry/own_backbone.py imports it."""

IMPORT_PATH = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
"""The texts of that form. Whether something is there is seen when the model is built, not before."""

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
    `token`: the map is one cell, a transformer's class token, and SIE_CAMERAS is read. `idle`: switches that FastReID's
    files turn on without effect. `ibn_kinds`: what MODEL.BACKBONE.IBN_KIND may say beside WITH_IBN.
    """

    sizes: tuple[str, ...] = ()
    stride: int = 32
    last_stride: bool = False
    switches: frozenset[Switch] = frozenset()
    idle: frozenset[Switch] = frozenset()
    ibn_kinds: tuple[str, ...] = ("a",)
    token: bool = False


FAMILIES: dict[str, Family] = {
    "build_effnet_backbone": Family(("b0", "b1", "b2", "b3", "b4", "b5", "lite0"), last_stride=True),
    "build_mobilenetv2_backbone": Family(("1.0x", "0.75x", "0.5x", "0.35x", "0.25x", "0.1x")),
    "build_mobilenetv3_backbone": Family(("Large", "Small")),
    "build_osnet_backbone": Family(
        ("x1_0", "x0_75", "x0_5", "x0_25", "ain_x1_0", "ain_x0_75", "ain_x0_5", "ain_x0_25"),
        stride=16,
        switches=frozenset({Switch.IBN}),
    ),
    "build_regnet_backbone": Family(
        (
            *("800y", "200y", "400y", "1600y", "3200y", "4000y", "6400y"),
            *("200x", "400x", "800x", "1600x", "3200x", "4000x", "6400x"),
        ),
        last_stride=True,
    ),
    "build_repvgg_backbone": Family(
        ("A0", "A1", "A2", "B0", "B1", "B1g2", "B1g4", "B2", "B2g2", "B2g4", "B3", "B3g2", "B3g4"), last_stride=True
    ),
    "build_resnest_backbone": Family(("50x", "101x", "200x", "269x"), last_stride=True, idle=frozenset({Switch.NL})),
    "build_resnet_backbone": Family(
        ("50x", "18x", "34x", "101x", "152x"),
        last_stride=True,
        switches=frozenset({Switch.IBN, Switch.SE, Switch.NL}),
        ibn_kinds=("a", "b"),
    ),
    "build_resnext_backbone": Family(
        ("50x", "101x", "152x"),
        last_stride=True,
        switches=frozenset({Switch.IBN, Switch.SE, Switch.NL}),
        ibn_kinds=("a", "b"),
    ),
    "build_shufflenetv2_backbone": Family(("1.0x", "0.5x", "1.5x", "2.0x")),
    "build_vit_backbone": Family(("base", "small", "deit_base", "deit_small"), stride=16, token=True),
}
"""`MODEL.BACKBONE.NAME` -> what the configuration must know of it."""


def size_of(name: str, depth: str) -> str:
    """The size of family `name` that MODEL.BACKBONE.DEPTH `depth` means."""
    sizes = FAMILIES[name].sizes
    return sizes[0] if sizes and depth == _UNSET and depth not in sizes else depth
