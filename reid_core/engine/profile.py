"""`python -m reid_core.engine.profile THREADS < config.json`: what an epoch of a configuration costs on this machine.

Prints {"seconds_per_epoch": ..., ...}: a few training steps and one batch of embeddings on the configuration's own
model and images, counted up to a whole epoch with its evaluation. Seconds, not an epoch.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from reid_core.config import Config, from_values
from reid_core.data.augmentation import train_transform
from reid_core.data.images import ImageArray
from reid_core.data.loader import TrainBatches, eval_batches
from reid_core.data.pipeline import SplitData
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine.compute import Compute, cpu_threads
from reid_core.engine.embedding import embeddings
from reid_core.engine.retention import path_of
from reid_core.engine.trainer import Trainer
from reid_core.results import Protocol
from reid_core.tasks.task import task_of

__all__ = ["Profile", "begun", "profile", "seconds_per_step"]

SECONDS = 3.0
FEWEST_STEPS = 2
CUDA_CONTEXT = 600 * 2**20
"""Bytes of a GPU's memory that every process takes before its first tensor."""


@dataclass(frozen=True, slots=True)
class Profile:
    """`seconds_per_epoch` with its evaluation on the validation split; `images_per_second` of training alone.

    `seconds_to_begin`: from a warm process to the first training step; data are opened and the model is built.
    `seconds_in_all`: the whole profile. `gpu_memory`: the part of a GPU's memory that it takes at its peak.
    """

    seconds_per_epoch: float
    images_per_second: float
    seconds_to_begin: float = 0.0
    seconds_in_all: float = 0.0
    gpu_memory: float = 0.0


def profile(config: Config, threads: int) -> Profile:
    """Time training steps for about SECONDS, the first (which warms up) not counted. Raises as reid_core.api.train."""
    began = time.perf_counter()
    compute = Compute.of(config)
    with cpu_threads(threads):
        begun(config, compute, threads)  # decodes and imports what a worker's later segments find done
        cold = time.perf_counter()
        data, batches, trainer = begun(config, compute, threads)
        begin = time.perf_counter() - cold
        relabel = _seconds_to_relabel(trainer, data, config, compute)
        step = seconds_per_step(trainer, batches, compute)
        embed = _seconds_per_image(trainer, data.evaluation.pixels[-1], config, compute)
    measured = sum(len(images) for images in data.evaluation.pixels)
    epoch = relabel + step * batches.batches_per_epoch + embed * measured + _seconds_to_save(trainer)
    return Profile(epoch, config.solver.ims_per_batch / step, begin, time.perf_counter() - began, _memory(compute))


def begun(config: Config, compute: Compute, threads: int) -> tuple[SplitData[Any], TrainBatches, Trainer]:
    """What a segment makes before its first step."""
    task = task_of(config)
    data = task.open(config, Protocol.VALIDATION, threads=threads)
    part = data.train
    transform = train_transform(config, 0, part.images)
    batches = TrainBatches(part.images, part.learned, part.camids, data.sampler, transform, seed=0)
    return data, batches, Trainer(task, config, batches, compute, data=data, protocol=Protocol.VALIDATION, seed=0)


def _seconds_to_relabel(trainer: Trainer, data: SplitData[Any], config: Config, compute: Compute) -> float:
    """What precedes every epoch of a task that labels the training images itself, as clustering does."""
    began = _now(compute)
    found = task_of(config).relabel(trainer.model, data, config, compute, seed=0, epoch=1)
    if found is not None:
        trainer.relabel(found.labels, found.sampler)
    return _now(compute) - began


def _seconds_to_save(trainer: Trainer) -> float:
    """One checkpoint, as every epoch of a trial ends with."""
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        checkpoints.save(trainer.checkpoint(1, {}, None), path_of(Path(folder), 1))
        return time.perf_counter() - began


def seconds_per_step(
    trainer: Trainer, batches: TrainBatches, compute: Compute, *, at_least: float = SECONDS, fewest: int = FEWEST_STEPS
) -> float:
    """Seconds a training step, over `at_least` seconds and `fewest` steps; the first, a warm-up, is not counted."""
    trainer.model.train()
    epochs = cycle(batches.epoch(1))
    trainer.step(next(epochs))
    began, steps = _now(compute), 0
    while steps < fewest or _now(compute) - began < at_least:
        trainer.step(next(epochs))
        steps += 1
    return (_now(compute) - began) / steps


def _seconds_per_image(trainer: Trainer, images: ImageArray, config: Config, compute: Compute) -> float:
    count = min(len(images), config.test.ims_per_batch)
    batch = next(eval_batches(images, np.zeros(count, dtype=np.int64), count))
    test = config.test
    embeddings(trainer.model, [batch], compute, flip=test.flip.enabled, scales=test.scales)  # warms up
    began = _now(compute)
    embeddings(trainer.model, [batch], compute, flip=test.flip.enabled, scales=test.scales)
    return (_now(compute) - began) / count


def _memory(compute: Compute) -> float:
    """What the allocator reserved at most and the driver needs besides, by all that the GPU has."""
    if compute.device.type != "cuda":
        return 0.0
    total = torch.cuda.get_device_properties(compute.device).total_memory
    return min(1.0, (torch.cuda.max_memory_reserved(compute.device) + CUDA_CONTEXT) / total)


def _now(compute: Compute) -> float:
    if compute.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    """Read the flat configuration from standard input, print the profile."""
    config = from_values(json.load(sys.stdin))
    sys.stdout.write(json.dumps(asdict(profile(config, int(sys.argv[1])))) + "\n")


if __name__ == "__main__":
    main()
