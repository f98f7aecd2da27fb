"""What will bound a trial on a data set: decoding, the cache, augmentation or the training step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator.service.doctor.check import Check, fine, warns
from orchestrator.service.machine import cores
from reid_core import api
from reid_core.config import load_config
from reid_core.errors import DataError

__all__ = ["data_path", "told"]

_RECIPE = "bnneck"
_WORDS = {
    "step": "the training step",
    "cache": "reading decoded images",
    "augmentation": "augmentation",
}
_ADVICE = {
    "step": "",
    "cache": "the disk is slower than the model: put REID_TUNE_HOME (or DATALOADER.CACHE_DIR) on a local one",
    "augmentation": "the model waits for it: leave out whole-picture steps (INPUT.AUTOAUG, AUGMIX, CJ, AFFINE)",
}


def data_path(data: Path) -> Iterator[Check]:
    """Images a second of each part, and which of them a trial waits for; nothing where the data has faults."""
    config = load_config(_RECIPE, [("DATASETS.ROOT", str(data.resolve()))]).config
    try:
        images = api.describe_data(config).train_images
    except DataError:
        return  # the check before this one has said it
    yield told(api.measure_throughput(config, threads=cores()), images, cores())


def told(found: api.Throughput, images: int, workers: int) -> Check:
    """The finding about `images` that `workers` threads decode."""
    rates = (
        f"decoding {found.decode:,.0f} images/s a core"
        f" (once a node: {_time(images / (found.decode * workers))} for {images:,} on {workers}),"
        f" cache {found.cache:,.0f}, augmentation {found.augmentation:,.0f},"
        f" training {found.step:,.1f} images/s ({_RECIPE}, {found.device})"
    )
    finding = f"a trial is bound by {_WORDS[found.bound]}: {rates}"
    advice = _ADVICE[found.bound]
    return warns("data path", finding, advice) if advice else fine("data path", finding)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
