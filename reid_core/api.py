"""What the engine does for others: train, evaluate, embed, describe data. Plain values in and out, torch inside."""

# ruff: noqa: PLC0415 - importing this module must not load torch: what computes is imported where it is called

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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
    "Fit",
    "Fork",
    "ModelCost",
    "Protocol",
    "QueryGroup",
    "Report",
    "SetSummary",
    "TrainResult",
    "WeightsSummary",
    "describe_data",
    "embed",
    "evaluate",
    "inspect_weights",
    "measure_cost",
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
class Fork(CheckpointFile):
    """A checkpoint of another run, to go on from with a configuration that differs in what may change in training.

    Weights and the optimiser's memory come from it; learning rates, losses and augmentation from the configuration
    (see reid_core.config.may_change_in_training).
    """


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One finished epoch (counted from 1): training and, when it was evaluated, retrieval metrics."""

    epoch: int
    metrics: Mapping[str, float]
    checkpoint: CheckpointFile | None


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How training ended: last finished epoch, its checkpoint, whether it was asked to stop before `to_epoch`.

    `best` is the checkpoint of the epoch with the highest mAP on the validation split; None on the test split, where
    nothing may be chosen.
    """

    epoch: int
    metrics: Mapping[str, float]
    checkpoint: CheckpointFile | None
    stopped: bool
    best: Path | None = None


@dataclass(frozen=True, slots=True)
class QueryGroup:
    """mAP and rank1 over the `queries`, with a match, of one camera or identity."""

    name: str
    queries: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Report:
    """Retrieval metrics and the protocol they were measured under, in words and counts.

    mAP, mINP, rank1, rank5, rank10 are fractions. With query expansion, re-ranking or DSR they are what comes after
    it, and plain_mAP … what the embeddings give without. With TEST.ROC: tpr_at_fpr_1e-4, _1e-3, _1e-2.
    `cameras` and `identities` take the queries apart; cameras that nobody knows are left out. With several data sets
    in DATASETS.TESTS this is the first, `name`, and `others` are the rest.
    """

    metrics: Mapping[str, float]
    protocol: str
    queries: int
    gallery: int
    skipped_queries: int
    checkpoint: str = ""
    name: str = ""
    cameras: Sequence[QueryGroup] = ()
    identities: Sequence[QueryGroup] = ()
    others: Sequence[Report] = ()


@dataclass(frozen=True, slots=True)
class SetSummary:
    """One data set of DATASETS.NAMES and DATASETS.TESTS, as counted; no name where it is the only one."""

    name: str
    layout: str
    trained: bool
    tested: bool
    train_images: int
    train_identities: int
    cameras: int
    query_images: int
    gallery_images: int


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What the data sets hold, as counted; fingerprints change when an image or a split changes.

    With several `sets`, training counts are of those trained on together, query and gallery of those tested on.
    """

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
    sets: Sequence[SetSummary] = ()

    def sentence(self, protocol: Protocol = Protocol.VALIDATION) -> str:
        """One line for people."""
        cut = f"of {self.val_identities} identities"
        measured = f"validation {self.val_queries} queries x {self.val_gallery} gallery {cut}"
        if protocol is Protocol.TEST:
            measured = f"test {self.query_images} queries x {self.gallery_images} gallery"
        return (
            f"{self.train_images} images of {self.train_identities} identities in {self.cameras} cameras "
            f"({self._which()}); {measured}"
        )

    def _which(self) -> str:
        if len(self.sets) < 2:
            return self.layout
        trained = " + ".join(one.name for one in self.sets if one.trained)
        return f"{trained}; tests on {', '.join(one.name for one in self.sets if one.tested)}"


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What embedding an image costs: weights, multiply-adds, and milliseconds an image in batches of `batch`."""

    parameters: int
    flops: int
    latency_ms: float
    device: str
    batch: int


@dataclass(frozen=True, slots=True)
class Fit:
    """What a configuration's model takes of a file given as `key`, or the `reason` and `hint` why it takes nothing.

    `missing`, `unexpected` and `other_shape` are names of tensors, `notes` sentences for people.
    """

    key: str
    fits: bool
    loaded: int = 0
    missing: Sequence[str] = ()
    unexpected: Sequence[str] = ()
    other_shape: Sequence[str] = ()
    notes: Sequence[str] = ()
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class WeightsSummary:
    """What a file of weights is: `source` and `architecture` are guessed from names and shapes, 'unknown' else.

    `wrappers` are the keys that the tensors lie under, outermost first; `parameters` counts learned numbers;
    `identities` are those of a whole model's classifier, 0 where there is none.
    """

    path: str
    bytes: int
    sha256: str
    source: str
    architecture: str
    identities: int
    wrappers: Sequence[str]
    tensors: int
    parameters: int
    dtypes: Mapping[str, int]
    fit: Fit | None


def describe_data(config: Config) -> DataSummary:
    """Read the folders that DATASETS names, without decoding images. Raises DataError with every finding."""
    from reid_core.data.pipeline import summary

    return summary(config)


def prepare(
    config: Config,
    *,
    protocol: Protocol = Protocol.VALIDATION,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Decode the images of `protocol` into the cache of this machine, where they are not there yet.

    `progress` hears (done, total). Raises DataError naming the images that do not decode.
    """
    from reid_core.data.pipeline import open_split

    open_split(config, protocol, threads=threads, progress=progress)


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
    keep: Collection[int] = (),
    seed: int = 0,
    threads: int | None = None,
    processes: int = 1,
    on_epoch: Callable[[EpochResult], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    log: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train up to and including `to_epoch` (default: SOLVER.MAX_EPOCH, whose schedule always applies) in `directory`.

    With `checkpoint`, continue from it: on CPU bit-identical to a run that was never interrupted. A `Fork` may be of
    another configuration. Of older checkpoints in `directory`, the best and those of the epochs in `keep` stay.

    `on_epoch` is called after each epoch once its checkpoint is durable; `should_stop` is asked there, and at least
    twice a second inside an epoch is not needed. With `processes` above 1 each computes its share of every batch, on a
    GPU of its own or with its share of the `threads`, and the losses see the whole batch: the result is that of one
    process but for rounding, where batch norm sees the whole batch too (MODEL.BACKBONE.NORM and MODEL.HEADS.NORM
    syncBN). This process is one of them; callbacks are called here. When the loss is no longer finite, the files of its
    batch are listed in diverged-batch.json in `directory`. Raises ConfigError, DataError, CheckpointError,
    TrainingDiverged; ReidTuneError when another process fails; torch.OutOfMemoryError (GPU) and MemoryError (CPU) pass
    through.
    """
    from reid_core.config.weights import starting_weights
    from reid_core.engine.compute import cpu_threads, memory_errors, share_of_threads
    from reid_core.engine.run import Hooks, Run

    last = config.solver.max_epoch if to_epoch is None else to_epoch
    if not 1 <= last <= config.solver.max_epoch:
        raise ValueError(f"to_epoch is {last}; it must be 1 to SOLVER.MAX_EPOCH, which is {config.solver.max_epoch}")
    if checkpoint is None:
        starting_weights(config)  # a file of weights that is missing is said before images are decoded
    if processes < 1:
        raise ValueError(f"processes is {processes}; it must be 1 or more")
    hooks = Hooks(on_epoch or _ignore, should_stop or _never, log or _ignore, keep)
    if processes > 1:
        from reid_core.engine.together import Plan, train_together

        each = share_of_threads(threads, processes)
        plan = Plan.of(config, directory, protocol, seed=seed, start=checkpoint, threads=each, last=last)
        with cpu_threads(each), memory_errors():
            return train_together(plan, processes, hooks)
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


def measure_cost(config: Config, *, threads: int | None = None, batch: int = 1) -> ModelCost:
    """What the model of a configuration costs once it is trained: a few seconds, with weights drawn at random.

    `parameters`: learned numbers that the embedding depends on, in the form for inference (RepVGG's blocks are single
    convolutions); classifiers, statistics of batch norms and what only training needs do not count.
    `flops`: multiply-adds of one forward pass of one image of INPUT.SIZE_TEST, as papers count them: those of
    convolutions, linear layers and matrix products (attention), half of what torch.utils.flop_counter counts; not
    those of norms, activations, pooling and sums.
    `latency_ms`: median milliseconds an image on MODEL.DEVICE, with `threads` on a CPU and batches of `batch`, after
    warming up: from decoded pixels in memory to the embedding in memory, with TEST.FLIP where it is on, in short float
    types where SOLVER.AMP has them on. What else runs on the machine makes it longer.
    Raises ConfigError; torch.OutOfMemoryError and MemoryError pass through.
    """
    from reid_core.engine.compute import cpu_threads, memory_errors
    from reid_core.engine.cost import model_cost

    if batch < 1:
        raise ValueError(f"batch is {batch}; it must be 1 or more")
    with cpu_threads(threads), memory_errors():
        return model_cost(config, batch=batch)


def inspect_weights(path: Path, config: Config | None = None) -> WeightsSummary:
    """Look into a file of weights without running code of it; with `config`, say what its model would take.

    Raises NotFound, CheckpointError when it cannot be read as weights, ConfigError from building the model.
    """
    from reid_core.modeling.weights.inspection import inspect_file

    return inspect_file(path, config)


def _ignore(_: object) -> None:
    """Nobody listens."""


def _never() -> bool:
    return False
