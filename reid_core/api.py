"""What the engine does for others: train, evaluate, embed, describe data. Plain values in and out, torch inside."""

# ruff: noqa: PLC0415 - importing this module must not load torch: what computes is imported where it is called

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reid_core.results import (
    CheckpointFile,
    CheckpointSummary,
    Converted,
    DataSummary,
    EpochResult,
    Fit,
    Fork,
    GroupMetrics,
    ModelCost,
    Protocol,
    Report,
    SetSummary,
    Submission,
    Throughput,
    TrainedOn,
    TrainResult,
    WeightsSummary,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from reid_core.config import Config
    from reid_core.config.values import Value
    from reid_core.engine.inspection_folder import Inspection
    from reid_core.ranks import Elsewhere

__all__ = [
    "CheckpointFile",
    "CheckpointSummary",
    "Converted",
    "DataSummary",
    "EpochResult",
    "Fit",
    "Fork",
    "GroupMetrics",
    "ModelCost",
    "Protocol",
    "Report",
    "SetSummary",
    "Submission",
    "Throughput",
    "TrainResult",
    "TrainedOn",
    "WeightsSummary",
    "convert_weights",
    "describe_checkpoint",
    "describe_data",
    "embed",
    "evaluate",
    "inspect",
    "inspect_weights",
    "measure_cost",
    "measure_throughput",
    "newest_checkpoint",
    "prepare",
    "submit",
    "train",
]


def describe_checkpoint(path: Path) -> CheckpointSummary:
    """What a checkpoint that `train` wrote holds. Raises CheckpointError where there is none, or it is torn."""
    from reid_core.engine.contents import checkpoint_summary

    return checkpoint_summary(path)


def describe_data(config: Config) -> DataSummary:
    """Read the folders that DATASETS names, without decoding images. Raises DataError with every finding."""
    from reid_core.tasks.task import task_of

    return task_of(config).summary(config)


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
    from reid_core.tasks.task import task_of

    task_of(config).open(config, protocol, threads=threads, progress=progress)


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
    elsewhere: Elsewhere | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    should_leave: Callable[[], bool] | None = None,
    log: Callable[[str], None] | None = None,
    alive: Callable[[], object] | None = None,
) -> TrainResult:
    """Train up to and including `to_epoch` (default: SOLVER.MAX_EPOCH, whose schedule always applies) in `directory`.

    With `checkpoint`, continue from it: on CPU bit-identical to a run that was never interrupted. A `Fork` may be of
    another configuration. Of older checkpoints in `directory`, the best and those of the epochs in `keep` stay.

    `on_epoch` is called after each epoch once its checkpoint is durable; `should_stop` is asked there. `should_leave`
    is asked after each batch: the run then stops within the epoch, saves its middle in `directory`, and goes on there
    when it is continued in it; an epoch whose images are labelled anew, or before which none was saved
    (SOLVER.CHECKPOINT_PERIOD), is left to `should_stop`. `alive` is called at every batch; both have to be quick. With
    `processes` above 1 each computes its share of every batch, on a GPU of its own or with its share of the `threads`,
    and the losses see the whole batch: the result is that of one process but for rounding, where batch norm sees the
    whole batch too (MODEL.BACKBONE.NORM and MODEL.HEADS.NORM syncBN). This process is one of them; callbacks are called
    here. They spread evenly over this machine and those `elsewhere`, which find data and checkpoints at the same paths.
    When the loss is no longer finite, the files of its batch are listed in diverged-batch.json in `directory`. Raises
    ConfigError, DataError, CheckpointError, TrainingDiverged; ReidTuneError when another process fails;
    torch.OutOfMemoryError (GPU) and MemoryError (CPU) pass through.
    """
    from reid_core.config.teachers import check_lessons, teacher_files
    from reid_core.config.weights import starting_weights
    from reid_core.engine.compute import cpu_threads, memory_errors, share_of_threads
    from reid_core.engine.run import Hooks, Run
    from reid_core.signs import heard_by

    last = config.solver.max_epoch if to_epoch is None else to_epoch
    if not 1 <= last <= config.solver.max_epoch:
        raise ValueError(f"to_epoch is {last}; it must be 1 to SOLVER.MAX_EPOCH, which is {config.solver.max_epoch}")
    check_lessons(config, alone=True)
    teacher_files(config)
    if checkpoint is None:
        starting_weights(config)  # a file of weights that is missing is said before images are decoded
    if processes < 1:
        raise ValueError(f"processes is {processes}; it must be 1 or more")
    hooks = Hooks(on_epoch or _ignore, should_stop or _never, log or _ignore, keep, should_leave or _never)
    if processes > 1:
        from reid_core.engine.together import Plan, train_together
        from reid_core.ranks import HERE

        each = share_of_threads(threads, processes)
        plan = Plan.of(config, directory, protocol, seed=seed, start=checkpoint, threads=each, last=last)
        with cpu_threads(each), memory_errors(), heard_by(alive):
            return train_together(plan, processes, hooks, elsewhere=elsewhere or HERE)
    with cpu_threads(threads), memory_errors(), heard_by(alive):
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


def inspect(
    config: Config,
    checkpoint: Path,
    folder: Path,
    *,
    protocol: Protocol = Protocol.TEST,
    top: int = 20,
    points: int = 2000,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Inspection:
    """Look into the ranking that `evaluate` measures: each query's AP and first `top` images, what is confused, maps.

    It is kept in `folder` and built once for a checkpoint: a whole folder of the same one is read. Maps (PCA, t-SNE,
    UMAP where it is installed) show at most `points` images. `progress` hears (what is done, done, total). With
    several data sets in DATASETS.TESTS this is the first. Raises UsageError for a task without queries and gallery,
    else as `evaluate`.
    """
    from reid_core.engine.compute import cpu_threads, memory_errors
    from reid_core.engine.inspecting import inspect_checkpoint

    if top < 1:
        raise ValueError(f"top is {top}; it must be 1 or more")
    told = progress or (lambda _what, _done, _total: None)
    with cpu_threads(threads), memory_errors():
        return inspect_checkpoint(
            config, checkpoint, folder, protocol, top=top, points=points, threads=threads, progress=told
        )


def submit(  # noqa: PLR0913 - each option stands for itself, and all but two have a default
    checkpoints: Sequence[Path],
    data: Path,
    *,
    query: str = "query",
    gallery: str = "gallery",
    weights: Sequence[float] = (),
    settings: Mapping[str, Value] | None = None,
    top: int = 200,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Submission:
    """Rank the images of a folder below `data` for those of another; nobody needs to know who is on them.

    Several `checkpoints` are asked together: the similarity of two images is the mean of theirs, by `weights`, each
    with images of its own size. `settings` (TEST.SCALES …) go over what the checkpoints were trained with; query
    expansion and re-ranking are as TEST of the first says. `top` images a query, equally near ones in the order of
    their names; `progress` hears (done, total). Without re-ranking no more than a block of distances is in memory.
    Raises CheckpointError, ConfigError, DataError; TrainingDiverged when embeddings are not finite.
    """
    from reid_core.engine.compute import cpu_threads, memory_errors
    from reid_core.engine.submission import rank_folders

    if top < 1:
        raise ValueError(f"top is {top}; it must be 1 or more")
    with cpu_threads(threads), memory_errors():
        return rank_folders(
            checkpoints,
            data,
            folders=(query, gallery),
            weights=weights,
            settings=dict(settings or {}),
            top=top,
            threads=threads,
            progress=progress,
        )


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


def measure_throughput(config: Config, *, threads: int | None = None) -> Throughput:
    """How many images a second are decoded, read from the cache, augmented and trained on, with what DATASETS names.

    A sample of the images and a few training steps: seconds on a GPU, some ten on a CPU. What else runs on the machine
    makes it slower. Raises DataError, ConfigError; torch.OutOfMemoryError and MemoryError pass through.
    """
    from reid_core.engine.compute import memory_errors, share_of_threads
    from reid_core.engine.throughput import throughput

    with memory_errors():
        return throughput(config, share_of_threads(threads, 1))


def inspect_weights(path: Path, config: Config | None = None) -> WeightsSummary:
    """Look into a file of weights without running code of it; with `config`, say what its model would take.

    Raises NotFound, CheckpointError when it cannot be read as weights, ConfigError from building the model.
    """
    from reid_core.modeling.weights.inspection import inspect_file

    return inspect_file(path, config)


def convert_weights(path: Path, config: Config, out: Path) -> Converted:
    """Write a whole model of FastReID or the Bag of Tricks as the checkpoint `out` of `config`, without its training.

    What it was trained on is not known and not noted. Raises NotFound, Conflict where `out` exists, CheckpointError
    when the file is not read, no whole model, or another model than that of `config`; then nothing is written.
    """
    from reid_core.engine.conversion import convert

    return convert(config, path, out)


def _ignore(_: object) -> None:
    """Nobody listens."""


def _never() -> bool:
    return False
