"""The data, the model and the metric of counting dots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from reid_core.config import Config
from reid_core.data.labelled import LabelledData, LabelledSet, held_shares
from reid_core.data.loader import eval_batches
from reid_core.data.pipeline import SplitData
from reid_core.data.records import Dataset, ImageRecord, Layout, identities_of
from reid_core.data.sources import Interpolation, Pixels, Size, fit
from reid_core.engine.compute import Compute
from reid_core.engine.scoring import finite_scores, scores
from reid_core.modeling import Architecture, Baseline
from reid_core.modeling.architectures import PixelStatistics
from reid_core.modeling.heads import Outputs
from reid_core.modeling.registry import build_backbone, build_head
from reid_core.results import DataSummary, Protocol
from reid_core.tasks.task import Measured, Task

COUNTS = range(1, 5)
"""How many dots there can be; the first is class 0."""


class Dots:
    """Pictures drawn from their names, `number_count`. FileSource reads files instead."""

    def decode(self, path: str, size: Size, interpolation: Interpolation) -> Pixels:
        """RGB (H, W, 3)."""
        number, count = map(int, path.split("_"))
        rng = np.random.default_rng((number, count))
        picture = rng.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        for cell in rng.permutation(16)[:count].tolist():  # a grid keeps dots apart
            y, x = divmod(cell, 4)
            picture[8 * y + 1 : 8 * y + 6, 8 * x + 1 : 8 * x + 6] = rng.integers(160, 256, 3)
        return fit(Image.fromarray(picture), size, interpolation)

    def stamp(self, paths: Sequence[str]) -> str:
        """Nothing on a disk changes these pictures."""
        return f"dots {len(paths)}"


def read(config: Config) -> LabelledSet:
    """TASK.OPTIONS are ours: `pictures=60` of each count to train on, half as many to test."""
    pictures = int(dict(option.split("=") for option in config.task.options).get("pictures", 60))
    train, test = (
        tuple(ImageRecord(f"{number:04d}_{count}", str(count), -1) for count in COUNTS for number in numbers)
        for numbers in (range(pictures), range(pictures, pictures + pictures // 2))
    )
    dataset = Dataset(Layout.SYNTHETIC, train, (), test, fingerprint=f"dots {pictures}", source=Dots())
    held = held_shares(train, config.datasets.val_fraction, seed=config.datasets.val_seed)
    names = identities_of(train)
    return LabelledSet(dataset, "counts", names, names, held)


class Counter(Baseline):
    """A Baseline that is also taught the count it expects: the sum of p(n) n."""

    def own_losses(self, outputs: Outputs, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """The mean distance of the expected to the true count, besides MODEL.LOSSES."""
        logits = torch.as_tensor(outputs[""].plain_logits, dtype=torch.float32)
        expected = logits.softmax(dim=1) @ torch.arange(logits.shape[1], device=targets.device).float()
        return {"loss_count": (expected - targets).abs().mean()}


class DotsTask(Task[LabelledData]):
    """What reid_core asks of a task."""

    def summary(self, config: Config) -> DataSummary:
        """What there is, without decoding an image."""
        return read(config).summary()

    def open(self, config: Config, protocol: Protocol, **options: Any) -> SplitData[LabelledData]:
        """What to train and to measure on."""
        return read(config).open(config, protocol, **options)

    def evaluations(self, config: Config, protocol: Protocol, **options: Any) -> tuple[LabelledData, ...]:
        """Only what to measure on."""
        return (read(config).evaluation(config, protocol, **options),)

    def model(self, config: Config, classes: int, *, pretrained: bool = True) -> Architecture:
        """The backbone and the head of the recipe, put together in our way."""
        del pretrained  # nothing is loaded
        settings = config.model
        backbone, width = build_backbone(settings.backbone, config.input.size_train)
        head = build_head(settings.heads, width, classes)
        return Counter(backbone, head, PixelStatistics(settings.pixel_mean, settings.pixel_std))

    def measure(
        self, model: Architecture, data: LabelledData, config: Config, compute: Compute, *, epoch: int
    ) -> Measured:
        """The metrics of the card, by their names there."""
        batches = eval_batches(data.part.images, data.part.camids, config.test.ims_per_batch)
        told = finite_scores(scores(model, batches, compute), epoch).argmax(axis=1)
        off = np.abs(told - data.part.labels)
        metrics = {"exact": float((off == 0).mean()), "miscount": float(off.mean())}
        return Measured(metrics, {"pictures": len(off)})
