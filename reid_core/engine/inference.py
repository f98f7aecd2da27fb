"""A model out of a checkpoint: measuring it, and embedding images that are in no data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from reid_core.config import Config, to_values
from reid_core.data.loader import EvalBatch
from reid_core.data.sources import CorruptImage, FileSource, Interpolation
from reid_core.data.transforms import planes
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine.checkpoint import Checkpoint
from reid_core.engine.compatibility import check_same_model
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import embeddings
from reid_core.errors import CheckpointError, DataError, Finding
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
        measured = task.measure(model, data, config, compute, epoch=state.epoch)
        words = "; ".join(filter(None, (f"{protocol}: {data.sentence}", measured.conditions)))
        reports.append(
            Report(measured.metrics, words, measured.counts, str(path), name=data.name, groups=measured.groups)
        )
    return replace(reports[0], others=tuple(reports[1:]))


def embed_files(config: Config, path: Path, images: Sequence[Path]) -> npt.NDArray[np.float32]:
    """See `reid_core.api.embed`."""
    compute = Compute.of(config)
    model, _ = load_model(config, path, compute)
    rows = embeddings(
        model, _decoded(config, images), compute, flip=config.test.flip.enabled, scales=config.test.scales
    )
    return unit_rows(rows).astype(np.float32, copy=False)


def _decoded(config: Config, images: Sequence[Path]) -> Iterator[EvalBatch]:
    source, size = FileSource(Path()), config.input.size_test
    interpolation = Interpolation(config.input.interpolation)
    for start in range(0, len(images), config.test.ims_per_batch):
        part = images[start : start + config.test.ims_per_batch]
        try:
            pixels = [source.decode(str(image), size, interpolation) for image in part]
        except CorruptImage as error:
            raise DataError(
                Finding("corrupt-image", f"the image does not decode: {error.reason}", file=error.path)
            ) from error
        yield EvalBatch(torch.from_numpy(planes(np.stack(pixels))))
