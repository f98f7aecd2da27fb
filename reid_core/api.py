"""What the engine does for others: train, evaluate, embed, describe data. Plain values in and out, torch inside."""

# ruff: noqa: PLC0415 - importing this module must not load torch: what computes is imported where it is called

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from reid_core.config import Config

__all__ = [
    "CheckpointFile",
    "DataSummary",
    "EpochResult",
    "Protocol",
    "Report",
    "TrainResult",
    "describe_data",
    "embed",
    "evaluate",
    "newest_checkpoint",
    "prepare",
    "train",
]


class Protocol(StrEnum):
    """Which images are trained on and which are measured.

    VALIDATION: train without the held-out identities, measure on them (cut from train; what a search sees).
    TEST: train on all training identities, measure on query / gallery.
    """

    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A durable checkpoint: path, number of finished epochs in it, sha256 of the file."""

    path: Path
    epoch: int
    sha256: str


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One finished epoch (counted from 1): training and, when it was evaluated, retrieval metrics."""

    epoch: int
    metrics: Mapping[str, float]
    checkpoint: CheckpointFile | None


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How training ended: last finished epoch, its checkpoint, whether it was asked to stop before `to_epoch`."""

    epoch: int
    metrics: Mapping[str, float]
    checkpoint: CheckpointFile | None
    stopped: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Retrieval metrics and the protocol they were measured under, in words and counts."""

    metrics: Mapping[str, float]
    protocol: str
    queries: int
    gallery: int
    skipped_queries: int
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What a data folder holds, as counted; fingerprints change when an image or a split changes."""

    layout: str
    fingerprint: str
    split_fingerprint: str
    train_images: int
    train_identities: int
    cameras: int
    val_identities: int
    val_queries: int
    val_gallery: int
    query_images: int
    gallery_images: int
    ignored: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def sentence(self) -> str:
        """One line for people."""
        return (
            f"{self.train_images} images of {self.train_identities} identities in {self.cameras} cameras "
            f"({self.layout}); validation {self.val_queries} queries x {self.val_gallery} gallery "
            f"of {self.val_identities} identities"
        )


def describe_data(config: Config) -> DataSummary:
    """Read the folder named by DATASETS.ROOT, without decoding images. Raises DataError with every finding."""
    from reid_core.data.pipeline import summary

    return summary(config)


def prepare(config: Config, *, threads: int | None = None, progress: Callable[[int, int], None] | None = None) -> None:
    """Decode the training images into the cache of this machine, where they are not there yet.

    `progress` hears (done, total). Raises DataError naming the images that do not decode.
    """
    from reid_core.data.pipeline import open_split

    open_split(config, Protocol.VALIDATION, threads=threads, progress=progress)


def newest_checkpoint(directory: Path, *, log: Callable[[str], None] | None = None) -> CheckpointFile | None:
    """Find the newest whole checkpoint that `train` wrote to `directory`, or None; `log` hears of torn ones."""
    from reid_core.engine.retention import latest

    return latest(directory, log=log or _ignore)


def train(  # noqa: PLR0913 - each option stands for itself, and all but two have a default
    config: Config,
    *,
    directory: Path,
    protocol: Protocol = Protocol.TEST,
    to_epoch: int | None = None,
    checkpoint: CheckpointFile | None = None,
    seed: int = 0,
    threads: int | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    log: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train up to and including `to_epoch` (default: SOLVER.MAX_EPOCH, whose schedule always applies) in `directory`.

    With `checkpoint`, continue from it: on CPU bit-identical to a run that was never interrupted. `on_epoch` is called
    after each epoch once its checkpoint is durable; `should_stop` is asked there, and at least twice a second inside
    an epoch is not needed. Raises ConfigError, DataError, CheckpointError, TrainingDiverged; torch.OutOfMemoryError
    (GPU) and MemoryError (CPU) pass through.
    """
    from reid_core.engine.compute import cpu_threads, memory_errors
    from reid_core.engine.run import Hooks, Run

    last = config.solver.max_epoch if to_epoch is None else to_epoch
    if not 1 <= last <= config.solver.max_epoch:
        raise ValueError(f"to_epoch is {last}; it must be 1 to SOLVER.MAX_EPOCH, which is {config.solver.max_epoch}")
    hooks = Hooks(on_epoch or _ignore, should_stop or _never, log or _ignore)
    with cpu_threads(threads), memory_errors():
        run = Run(config, directory, protocol, seed=seed, start=checkpoint, threads=threads, hooks=hooks)
        return run.to(last)


def evaluate(
    config: Config, checkpoint: Path, *, protocol: Protocol = Protocol.TEST, threads: int | None = None
) -> Report:
    """Measure a checkpoint. Raises CheckpointError, DataError; TrainingDiverged when its embeddings are not finite."""
    from reid_core.engine.compute import cpu_threads, memory_errors
    from reid_core.engine.inference import measure_checkpoint

    with cpu_threads(threads), memory_errors():
        return measure_checkpoint(config, checkpoint, protocol, threads)


def embed(
    config: Config, checkpoint: Path, images: Sequence[Path], *, threads: int | None = None
) -> npt.NDArray[np.float32]:
    """Embeddings (N, D), float32, rows of unit length, in the order of `images`.

    Raises CheckpointError, and DataError naming an image that does not decode.
    """
    from reid_core.engine.compute import cpu_threads, memory_errors
    from reid_core.engine.inference import embed_files

    with cpu_threads(threads), memory_errors():
        return embed_files(config, checkpoint, images)


def _ignore(_: object) -> None:
    """Nobody listens."""


def _never() -> bool:
    return False
