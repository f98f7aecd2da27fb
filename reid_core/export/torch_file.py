"""Networks in torch's own formats: TorchScript for C++ and older tools, torch.export's programs for what comes next."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from reid_core.export.card import METADATA_KEY, ModelCard
from reid_core.export.model import Exportable

__all__ = ["write_program", "write_torchscript"]


def write_torchscript(model: Exportable, size: tuple[int, int], path: Path, card: ModelCard) -> None:
    """A frozen TorchScript file; its card lies in it as the extra file `reid-tune.card`. The batch is open."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.freeze(torch.jit.trace(model, model.example(size)))  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(path), _extra_files={METADATA_KEY: card.text()})


def write_program(model: Exportable, size: tuple[int, int], path: Path, card: ModelCard) -> None:
    """A torch.export program (.pt2) with an open batch; its card lies in it as the extra file `reid-tune.card`."""
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(model, (model.example(size),), dynamic_shapes={"images": {0: batch}})
        torch.export.save(program, path, extra_files={METADATA_KEY: card.text()})
