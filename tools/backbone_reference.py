"""Write docs/reference/backbones.md: every backbone, its size and its state dict; `--check` only compares.

python tools/backbone_reference.py [--check]
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from generated import write_or_check
from torch import nn

from reid_core.config import load_config
from reid_core.config.backbones import FAMILIES, Family, Switch
from reid_core.config.schema.model import Backbone
from reid_core.modeling import build_model
from reid_core.modeling.registry import ARCHITECTURES, build_backbone

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference" / "backbones.md"
INTRODUCTION = """\
# Backbones and their state dicts

<!-- Written by tools/backbone_reference.py from the backbones themselves. Do not edit. -->

Every `MODEL.BACKBONE.NAME`, every `MODEL.BACKBONE.DEPTH` and every switch, built with LAST_STRIDE 1 for images of
256 x 128. Width is the number of channels of the feature map, stride the pixels per cell of it. Keys are the entries of
the state dict; their fingerprint is the first 12 digits of the SHA-256 of the lines `key shape`, sorted. A test builds
each of them and compares: a checkpoint that loads today loads tomorrow. `make golden` compares those that FastReID's
own code recorded, key by key.
"""
HEADING = "| depth | switches | width | stride | parameters | keys | fingerprint |\n|---|---|---|---|---|---|---|"

ARCHITECTURE_HEADING = """\
## Whole models

`MODEL.META_ARCHITECTURE` on ResNet-50, 751 identities, in bnneck with EMBEDDING_DIM 256, MoCoV2 in its own recipe.

| architecture | embedding | parameters | keys | fingerprint |
|---|---|---|---|---|"""


@dataclass(frozen=True)
class Listed:
    """One line: how it is chosen, and what is built then."""

    depth: str
    switches: str
    settings: Backbone


def lines(name: str, family: Family) -> Iterator[Listed]:
    """Each size plain and with each of its switches alone."""
    for depth in family.sizes:
        plain = Backbone(name=name, depth=depth, last_stride=1)
        yield Listed(depth, "", plain)
        for switch in Switch:
            if switch not in family.switches or (switch is Switch.IBN and depth.startswith("ain_")):
                continue  # OSNet-AIN has instance normalisation whatever the switch says
            on = plain.model_copy(update={switch.lower(): True})
            if switch is not Switch.IBN:
                yield Listed(depth, switch, on)
                continue
            for kind in family.ibn_kinds:
                yield Listed(depth, f"{switch}, IBN_KIND {kind}", on.model_copy(update={"ibn_kind": kind}))
        if family.token:
            yield Listed(depth, "SIE_CAMERAS 6", plain.model_copy(update={"sie_cameras": 6}))


def state_cells(module: nn.Module) -> tuple[str, int, str]:
    """Parameters, keys of the state dict, and their fingerprint."""
    state = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    text = "\n".join(f"{key} {shape}" for key, shape in sorted(state.items()))
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:12]
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return f"{parameters:,}", len(state), f"`{fingerprint}`"


def table_row(*cells: object) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def row(listed: Listed, family: Family) -> str:
    """The table's row; the backbone is built without memory for its weights."""
    with torch.device("meta"):
        backbone, width = build_backbone(listed.settings, (256, 128))
    stride = family.stride // 2 if family.last_stride else family.stride
    return table_row(listed.depth, listed.switches, width, stride, *state_cells(backbone))


def architecture_row(name: str) -> str:
    """A whole model on ResNet-50 with 751 identities: of the recipe bnneck, or of the only recipe that it goes with."""
    settings = [("MODEL.META_ARCHITECTURE", name), ("MODEL.HEADS.EMBEDDING_DIM", 256)]
    config = load_config("pretraining").config if name == "MoCoV2" else load_config("bnneck", settings).config
    with torch.device("meta"):
        model = build_model(config, 751)
    return table_row(name, model.embedding_dim, *state_cells(model))


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for name, family in sorted(FAMILIES.items()):
        table = [row(listed, family) for listed in lines(name, family)]
        parts.append("\n".join([f"## {name}\n", HEADING, *table]) + "\n")
    models = [architecture_row(name) for name in sorted(ARCHITECTURES)]
    parts.append("\n".join([ARCHITECTURE_HEADING, *models]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, page(), sys.argv[1:]))
