"""How fast each part of the way of an image into a model is here, in images a second: what will bound a trial."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from reid_core.config import Config, from_values, to_values
from reid_core.config.values import Value
from reid_core.data.augmentation import train_transform
from reid_core.data.cache import ImageCache
from reid_core.data.images import ImageArray
from reid_core.data.pipeline import load_datasets
from reid_core.data.records import Dataset
from reid_core.data.sources import CorruptImage, Interpolation
from reid_core.engine.compute import Compute, cpu_threads
from reid_core.engine.profile import begun, seconds_per_step
from reid_core.results import Throughput

__all__ = ["throughput"]

_SAMPLE = 64
_SECONDS = 0.3
"""For each part of the data path."""
_BATCH = 8
"""Images of a training step: few, for on a CPU one of them takes a third of a second."""


def throughput(config: Config, threads: int) -> Throughput:
    """See `reid_core.api.measure_throughput`."""
    dataset = load_datasets(config).train
    with TemporaryDirectory(prefix="reid-throughput-") as folder:
        decode, images = _decoding(config, dataset, Path(folder))
        count, batch = len(images), min(config.solver.ims_per_batch, len(images))
        draw = np.random.default_rng(0)
        transform = train_transform(config, 0, images)
        samples = draw.integers(count, size=batch)
        taken, occurrences = images.take(samples), np.zeros(batch, dtype=np.int64)
        return Throughput(
            decode=decode,
            cache=_rate(lambda: images.take(draw.integers(count, size=batch)), batch),
            augmentation=_rate(lambda: transform(taken, 1, samples, occurrences), batch),
            step=_stepping(config, threads, Path(folder)),
            threads=threads,
            device=str(Compute.of(config).device),
        )


def _decoding(config: Config, dataset: Dataset, folder: Path) -> tuple[float, ImageArray]:
    """Images decoded and resized a second by one thread, and an array of a sample as trials map it."""
    spread = np.linspace(0, len(dataset.train) - 1, min(_SAMPLE, len(dataset.train))).astype(int)
    paths = [dataset.train[index].path for index in spread]
    size, interpolation = config.input.size_train, Interpolation(config.input.interpolation)
    began = time.perf_counter()
    for path in paths:
        try:
            dataset.source.decode(path, size, interpolation)
        except CorruptImage:  # a study names them all; here it costs what it costs
            continue
    rate = len(paths) / (time.perf_counter() - began)
    cache = ImageCache(folder, interpolation=interpolation)
    return rate, cache.open(dataset.source, "sample", paths, size, skip_corrupt=True).images


def _stepping(config: Config, threads: int, folder: Path) -> float:
    """Images trained a second in batches of a few, on pictures drawn here: a step takes as long with any."""
    few: dict[str, Value] = {
        "DATASETS.ROOT": "synthetic",
        "DATASETS.LAYOUT": "auto",
        "DATASETS.SYNTHETIC.IDENTITIES": 8,
        "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
        "DATASETS.SYNTHETIC.IMAGES": 2,
        "DATALOADER.CACHE_DIR": str(folder),
        "DATALOADER.NUM_INSTANCE": 4,
        "SOLVER.IMS_PER_BATCH": _BATCH,
        "MODEL.BACKBONE.PRETRAIN": False,
        "MODEL.BACKBONE.PRETRAIN_PATH": "",
    }
    plain = {key: value for key, value in to_values(config).items() if not key.startswith("DATASETS.")}
    small = from_values({**plain, **few})
    compute = Compute.of(small)
    with cpu_threads(threads):
        _, batches, trainer = begun(small, compute, threads)
        return _BATCH / seconds_per_step(trainer, batches, compute, at_least=_SECONDS, fewest=1)


def _rate(work: Callable[[], object], images: int) -> float:
    """Images a second: the fastest of a few calls, the first not counted."""
    work()
    fastest, until = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        began = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - began)
    return images / fastest
