"""A checkpoint becomes a file for other programs: written, made smaller, checked, and given its card."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from reid_core.config import Config
from reid_core.config.values import Values
from reid_core.embedder import Embedder, open_embedder
from reid_core.engine.contents import checkpoint_summary
from reid_core.engine.durable import sha256_of
from reid_core.errors import DataError, Finding, ReidTuneError
from reid_core.export.agreement import Agreement, compare, compared_on_data
from reid_core.export.card import ModelCard, sidecar_of
from reid_core.export.checkpoint_embedder import CheckpointEmbedder
from reid_core.export.deploy import Step, guide, steps
from reid_core.export.model import exportable
from reid_core.export.onnx_file import OPSET, onnx_bytes, with_card
from reid_core.export.torch_file import write_program, write_torchscript
from reid_core.results import Protocol
from reid_core.tasks.task import task_of

__all__ = ["SUFFIXES", "Exported", "Format", "Precision", "Preprocess", "Wanted", "export_checkpoint"]

Format: TypeAlias = Literal["onnx", "torchscript", "torch-export"]
Precision: TypeAlias = Literal["float32", "float16", "int8"]
Preprocess: TypeAlias = Literal["inside", "outside"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "torchscript": ".ts", "torch-export": ".pt2"}
Progress: TypeAlias = Callable[[int, int], None]

_NEAREST = {"float32": 0.9999, "float16": 0.99}
"""The cosine below which a file is not what the model is; of 8 bits only people can judge."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write. `batch` None leaves the number of images open; `flip` None is TEST.FLIP of the checkpoint.

    `data` are settings of DATASETS for calibration and verification in place of the checkpoint's own.
    """

    format: Format = "onnx"
    precision: Precision = "float32"
    preprocess: Preprocess = "inside"
    flip: bool | None = None
    batch: int | None = None
    opset: int = OPSET
    verify: bool = False
    calibration: int = 256
    data: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the file, its card beside it, how near it comes to the model, and the way to other tools."""

    path: Path
    card: ModelCard
    agreement: Agreement
    verified: bool
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


def export_checkpoint(
    checkpoint: Path, out: Path, wanted: Wanted, *, threads: int | None = None, progress: Progress | None = None
) -> Exported:
    """Write the model of `checkpoint` to `out`, with its card in it and beside it (`out`.json) and `out`.md.

    `out` is whole or not there. Raises CheckpointError; DataError where images are needed and not there; ReidTuneError
    when the file does not give the model's embeddings.
    """
    flip = {} if wanted.flip is None else {"TEST.FLIP.ENABLED": wanted.flip}
    model = CheckpointEmbedder(
        checkpoint, device="cpu", threads=threads, settings={**flip, "TEST.SCALES": [1.0], **wanted.data}
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}{out.suffix}")
    card = model.card.model_copy(
        update={"kind": wanted.format, "precision": wanted.precision, "preprocess": wanted.preprocess, "sha256": ""}
    )
    try:
        _write(checkpoint, temporary, card, wanted, model, threads)
        agreement = _checked(temporary, model, wanted, threads, progress)
        card = card.model_copy(update={"checks": agreement.checks()})
        if wanted.format == "onnx":
            with_card(temporary, card)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    card = card.model_copy(update={"sha256": sha256_of(out)})
    sidecar_of(out).write_text(card.text(), "utf-8")
    chosen: tuple[Step, ...] = ()
    if wanted.format == "onnx":
        chosen = steps(out, card, batch=wanted.batch)
        out.with_name(out.name + ".md").write_text(guide(Path(out.name), card, batch=wanted.batch), "utf-8")
    verified = wanted.verify or wanted.precision == "int8"
    return Exported(out, card, agreement, verified, chosen, _notes(checkpoint, model))


def _write(
    checkpoint: Path, path: Path, card: ModelCard, wanted: Wanted, model: CheckpointEmbedder, threads: int | None
) -> None:
    inside = wanted.preprocess == "inside"
    network = exportable(checkpoint, model.config, inside=inside, flip=card.flip)
    if wanted.format == "torchscript":
        write_torchscript(network, card.size, path, card)
        return
    if wanted.format == "torch-export":
        write_program(network, card.size, path, card)
        return
    path.write_bytes(onnx_bytes(network, card.size, batch=wanted.batch, opset=wanted.opset))
    if wanted.precision != "float32":
        _shorten(path, card, wanted, model.config, threads)
    with_card(path, card)


def _shorten(path: Path, card: ModelCard, wanted: Wanted, config: Config, threads: int | None) -> None:
    from reid_core.export.shorter import to_float16, to_int8  # noqa: PLC0415 - loads onnxruntime's tools

    if wanted.precision == "float16":
        to_float16(path)
    else:
        to_int8(path, _calibration(config, card, wanted, threads))


def _calibration(
    config: Config, card: ModelCard, wanted: Wanted, threads: int | None
) -> Iterator[np.ndarray[Any, Any]]:
    """Batches of training images, evenly over the data set, as the file takes them.

    A fixed batch is filled up with the first of them again. Raises DataError where there is no image.
    """
    images = task_of(config).open(config, Protocol.TEST, threads=threads).train.images
    if not len(images):
        message = "there is no training image to calibrate 8 bits on"
        hint = "give a data set with training images (--data), or export it as float32 or --fp16"
        raise DataError(Finding("no-images", message, file=config.datasets.root, hint=hint, key="DATASETS.ROOT"))
    count = min(wanted.calibration, len(images))
    chosen = np.unique(np.linspace(0, len(images) - 1, count).astype(np.int64))
    batch = wanted.batch or 16
    if wanted.batch is not None:
        chosen = np.resize(chosen, -(-len(chosen) // batch) * batch)
    for start in range(0, len(chosen), batch):
        pixels: np.ndarray[Any, Any] = images.take(chosen[start : start + batch]).transpose(0, 3, 1, 2)
        if card.preprocess == "outside":
            mean, std = (np.array(row, np.float32).reshape(1, -1, 1, 1) for row in (card.pixel_mean, card.pixel_std))
            pixels = (pixels.astype(np.float32) - mean) / std
        yield np.ascontiguousarray(pixels)


def _checked(
    path: Path, model: CheckpointEmbedder, wanted: Wanted, threads: int | None, progress: Progress | None
) -> Agreement:
    """The file against the model: on the test split where that is wanted, else on noise, to see that it computes."""
    file = open_embedder(path, device="cpu", threads=threads)
    if wanted.verify or wanted.precision == "int8":
        found = compared_on_data(model, file, model.config, threads=threads, progress=progress)
    else:
        found = _on_noise(model, file)
    least = _NEAREST.get(wanted.precision)
    if least is not None and not found.cosine_min >= least:
        raise ReidTuneError(
            f"the {wanted.precision} file does not give the model's embeddings: the cosine to them falls to"
            f" {found.cosine_min:.6f}",
            hint="export it as float32" if wanted.precision != "float32" else "report it with the configuration",
        )
    return found


def _on_noise(model: Embedder, file: Embedder) -> Agreement:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, *model.size, 3), dtype=np.uint8)
    return compare(model.embed(images), file.embed(images), 2)


def _notes(checkpoint: Path, model: CheckpointEmbedder) -> tuple[str, ...]:
    """What the file leaves out of how the checkpoint is measured."""
    own = checkpoint_summary(checkpoint).config.test
    notes = []
    if own.scales != (1.0,):
        scales = ", ".join(f"{scale:g}" for scale in own.scales)
        notes.append(f"TEST.SCALES {scales}: a file embeds each image once; embed the scaled images and add them")
    if own.flip.enabled and not model.card.flip:
        notes.append("TEST.FLIP is on in the checkpoint and off in the file")
    if model.config.model.backbone.sie_cameras:
        notes.append("the backbone knows cameras; the file is told none")
    return tuple(notes)
