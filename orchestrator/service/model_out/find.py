"""Which model is meant by a study's name or a file, and where what is made of it goes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.service.teachers import STUDY, retrained_of
from orchestrator.service.vaults import opened
from reid_core.errors import NotFound

if TYPE_CHECKING:
    from orchestrator.service.service import Service

__all__ = ["MODEL_SUFFIXES", "FoundModel", "find_model"]

MODEL_SUFFIXES = frozenset({".onnx", ".pt", ".pt2", ".pth", ".ts"})
"""How names of model files end."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model's file and, for people, which one it is. `study` (its id) and `trial` are those that it comes from."""

    path: Path
    words: str
    study: str = ""
    name: str = ""
    trial: int | None = None

    @property
    def title(self) -> str:
        """What files that are made of it are called, without suffix."""
        return self.name or self.path.stem


def find_model(service: Service, model: str, *, trial: int | None = None) -> FoundModel:
    """A file, or of a study (name, id, `latest`; study:NAME too) its retrained winner, else its best trial so far.

    `trial` takes that trial's checkpoint of a study. Raises NotFound, UsageError where nothing may be chosen.
    """
    path = Path(model).expanduser()
    if path.is_file() and trial is None:
        return FoundModel(path.resolve(), f"the file {model}")
    if path.suffix in MODEL_SUFFIXES or (len(path.parts) > 1 and not model.startswith(STUDY)):
        raise NotFound(f"there is no model {model}", hint="give a model file, or the name of a study")
    name = model.removeprefix(STUDY) or "latest"
    row = service.store.find(name)
    state = service.state(row.id)
    if trial is None:
        with contextlib.suppress(NotFound):  # then its best trial
            known = retrained_of(state, service.home).teacher
            return FoundModel(Path(known.path), known.reason, row.id, row.name)
    chosen = service.winner(row.id, trial=trial).trial
    file = state.trials[chosen].checkpoint
    if file is None:
        hint = f"see `reid-tune trial show {row.name} {chosen}`, or make one with `reid-tune best {row.name} --retrain`"
        raise NotFound(f"trial {chosen} of study {row.name} has no checkpoint", hint=hint)
    which = "best trial" if trial is None else "a trial"
    words = f"{which} of study {row.name}: trial {chosen} at epoch {file.epoch}, not retrained on all identities"
    return FoundModel(opened(file, service.home), words, row.id, row.name, chosen)
