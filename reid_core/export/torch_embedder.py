"""An embedder out of a TorchScript file or a torch.export program that `reid-tune export` wrote."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from reid_core.data.sources import Pixels
from reid_core.embedder import Embedder, Rows
from reid_core.engine.compute import cpu_threads
from reid_core.errors import CheckpointError
from reid_core.export.card import METADATA_KEY, parsed
from reid_core.export.foreign_code import check_program, check_script, only_numbers

__all__ = ["TorchFileEmbedder"]

_BATCH = 64


class TorchFileEmbedder(Embedder):
    """Computed on the CPU, where it was traced. Raises CheckpointError for a file without a card of ours."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        extra: dict[str, Any] = {METADATA_KEY: ""}
        if not zipfile.is_zipfile(path):
            raise CheckpointError(f"{path} is no file that torch saved, or its end is missing", hint="export it again")
        try:
            self._network = _opened(path, extra)
        except (RuntimeError, ValueError, OSError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
            reason = (str(error).splitlines() or [repr(error)])[0]
            raise CheckpointError(f"{path} does not load: {reason}", hint="export it again") from error
        text = extra[METADATA_KEY]
        if not text:
            raise CheckpointError(f"{path} has no card", hint="export it with: reid-tune export torchscript")
        card = parsed(text.decode() if isinstance(text, bytes) else text, path)
        super().__init__(card, batch=_BATCH, threads=threads)

    def _embed(self, pixels: Pixels) -> Rows:
        images = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
        if self.card.preprocess == "outside":
            mean, std = (torch.tensor(row).view(1, -1, 1, 1) for row in (self.card.pixel_mean, self.card.pixel_std))
            images = (images.float() - mean) / std
        with cpu_threads(self.threads), torch.inference_mode():
            rows: Rows = self._network(images).numpy()
        return rows


def _opened(path: Path, extra: dict[str, Any]) -> Callable[[torch.Tensor], torch.Tensor]:
    if path.suffix.lower() == ".pt2":
        check_program(path)
        with only_numbers():
            program: Callable[[torch.Tensor], torch.Tensor] = torch.export.load(path, extra_files=extra).module()
        return program
    check_script(path)
    script: Callable[[torch.Tensor], torch.Tensor] = torch.jit.load(  # type: ignore[no-untyped-call]
        str(path), map_location="cpu", _extra_files=extra
    )
    return script
