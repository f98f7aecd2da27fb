"""A model out of a checkpoint: measuring it, and embedding images that are in no data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_core.config import Config, to_values
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine.checkpoint import Checkpoint
from reid_core.engine.compatibility import check_same_model
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import embeddings
from reid_core.engine.files import decoded
from reid_core.errors import CheckpointError
from reid_core.evaluation import unit_rows
from reid_core.modeling import Architecture
from reid_core.modeling.reparameterise import reparameterised
from reid_core.results import Protocol, Report
from reid_core.tasks.task import task_of

__all__ = ["embed_files", "load_model", "measure_checkpoint"]


def load_model(config: Config, path: Path, compute: Compute) -> tuple[Architecture, Checkpoint]:
    """Build the model of `config` with the weights of a checkpoint (their average, where one was kept).

    It is for inference only: what can be re-parameterised (RepVGG) is.

    Raises CheckpointError when the file is broken or belongs to another model.
    """
    state = checkpoints.load(path)
    check_same_model(state, path, to_values(config))
    model = task_of(config).model(config, state.identities, pretrained=False)
    weights = state.parts["average"]["values"] if "average" in state.parts else state.model
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights in {path} do not fit the model of the configuration: {error}",
            hint="give the configuration it was trained with",
        ) from error
    model = reparameterised(model)
    compute.place(model)
    return model, state


def measure_checkpoint(config: Config, path: Path, protocol: Protocol, threads: int | None) -> Report:
    """See `reid_core.api.evaluate`."""
    compute = Compute.of(config)
    model, state = load_model(config, path, compute)
    task, reports = task_of(config), []
    for data in task.evaluations(config, protocol, threads=threads):
        _check_names(state, path, task.names(data))
        measured = task.measure(model, data, config, compute, epoch=state.epoch)
        words = "; ".join(filter(None, (f"{protocol}: {data.sentence}", measured.conditions)))
        reports.append(
            Report(measured.metrics, words, measured.counts, str(path), name=data.name, groups=measured.groups)
        )
    return replace(reports[0], others=tuple(reports[1:]))


def _check_names(state: Checkpoint, path: Path, names: tuple[str, ...]) -> None:
    """Raise CheckpointError where the model learned other names than those of the data, of the same number."""
    if len(state.names) != len(names):
        return
    for number, (there, here) in enumerate(zip(state.names, names, strict=True), start=1):
        if there != here:
            raise CheckpointError(
                f"{path} learned other names than this data has: number {number} is {there!r} there, {here!r} here",
                hint="measure it on data with the same names in the same order",
            )


def embed_files(config: Config, path: Path, images: Sequence[Path]) -> npt.NDArray[np.float32]:
    """See `reid_core.api.embed`."""
    compute = Compute.of(config)
    model, _ = load_model(config, path, compute)
    batches = decoded(config, Path(), [str(image) for image in images])
    rows = embeddings(model, batches, compute, flip=config.test.flip.enabled, scales=config.test.scales)
    return unit_rows(rows).astype(np.float32, copy=False)
