"""An epoch that was left in its middle: how far it was, and the file from which the same run goes on within it.

The file stands beside the checkpoints of a run and belongs to the last of them: `after` is the SHA-256 of that
checkpoint, empty before the first. Whoever has no use for it trains the epoch anew from there; nothing is lost by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from reid_core.config import Values
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine import durable
from reid_core.engine.checkpoint import Checkpoint
from reid_core.engine.compatibility import check_same_run
from reid_core.engine.crew import Crew
from reid_core.engine.means import Means
from reid_core.errors import CheckpointError
from reid_core.results import UNFINISHED, TrainedOn

__all__ = ["Asked", "Progress", "discard", "find", "path_of"]


@dataclass(slots=True, eq=False)
class Progress:
    """How much of an epoch is done: batches, the means of their losses, the last learning rate, seconds of work.

    `random` are torch's random states where it was left, on the CPU and on the device, a row for each process.
    """

    batches: int = 0
    means: Means = field(default_factory=Means)
    rate: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0
    random: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def note(self, device: torch.device, crew: Crew) -> None:
        """Keep the random states of all processes; each must call it."""
        states = {"cpu": torch.get_rng_state()}
        if device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(device)
        self.random = {name: crew.every(state, device) for name, state in states.items()}

    def resume(self, device: torch.device, crew: Crew) -> None:
        """Draw random numbers as they would have come next; nothing at the beginning of an epoch."""
        if "cpu" in self.random:
            torch.set_rng_state(self.random["cpu"][crew.rank])
        if "cuda" in self.random:
            torch.cuda.set_rng_state(self.random["cuda"][crew.rank], device)

    def state_dict(self) -> dict[str, Any]:
        """Plain values and tensors."""
        return {
            "batches": self.batches,
            "means": self.means.state_dict(),
            "rate": self.rate,
            "seconds": self.seconds,
            "waited": self.waited,
            "random": dict(self.random),
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Progress:
        """What `state_dict` told."""
        return cls(**{**state, "means": Means.of(state["means"])})


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants to go on within an epoch: a run of `values` and `seed` after the checkpoint with the hash `after`."""

    values: Values
    seed: int
    identities: int
    epoch: int
    after: str
    trained_on: TrainedOn
    device: torch.device
    crew: Crew


def path_of(directory: Path) -> Path:
    """Where the one unfinished epoch of a run lies."""
    return directory / UNFINISHED


def find(directory: Path, asked: Asked) -> tuple[Checkpoint, Progress] | None:
    """The state to go on from within the epoch after `asked.epoch`; None where there is none of this very run.

    One that is torn or of another run, another kind of device or another number of processes is none.
    """
    path = path_of(directory)
    if not path.is_file():
        return None
    try:
        state = checkpoints.load(path)
        check_same_run(state, path, asked.values, seed=asked.seed, identities=asked.identities)
    except CheckpointError:
        return None
    left = state.unfinished
    if state.epoch != asked.epoch or left.get("after") != asked.after or state.trained_on != asked.trained_on:
        return None
    try:
        progress = Progress.of(left["progress"])
    except (KeyError, TypeError, AttributeError):  # another version's
        return None
    kinds = {"cpu", "cuda"} if asked.device.type == "cuda" else {"cpu"}
    if set(progress.random) != kinds or len(progress.random["cpu"]) != asked.crew.count:
        return None
    return state, progress


def discard(directory: Path) -> None:
    """Delete it, if it is there: a later checkpoint stands."""
    path = path_of(directory)
    durable.remove(checkpoints.sidecar(path))
    durable.remove(path)
