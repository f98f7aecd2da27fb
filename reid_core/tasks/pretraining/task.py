"""Pre-training by momentum contrast: no label is read to train, and none is needed to choose the best epoch."""

from __future__ import annotations

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.pipeline import SplitData
from reid_core.engine.compute import Compute
from reid_core.engine.measuring import conditions, measure
from reid_core.losses import Losses
from reid_core.modeling import Architecture, build_model
from reid_core.results import DataSummary, Protocol
from reid_core.tasks.pretraining.agreement import agreement, views
from reid_core.tasks.pretraining.images import Held, describe, open_held, open_images
from reid_core.tasks.task import Measured, Task

__all__ = ["PretrainingTask"]


class PretrainingTask(Task[Held]):
    """Learn which two views are of one image; measure that on images held out, and retrieval where it can be."""

    def summary(self, config: Config) -> DataSummary:
        """Count images."""
        return describe(config)

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[Held]:
        """Images to train on, whatever is on them, and images held out."""
        return open_images(config, protocol, threads=threads, progress=progress)

    def evaluations(self, config: Config, protocol: Protocol, *, threads: int | None = None) -> tuple[Held, ...]:
        """Images held out, or those of the test split."""
        return open_held(config, protocol, threads=threads)

    def model(self, config: Config, classes: int, *, pretrained: bool = True) -> Architecture:
        """MoCoV2, which has no classes."""
        del classes
        return build_model(config, 1, pretrained=pretrained)

    def losses(self, config: Config, model: Architecture, data: SplitData[Held] | None) -> Losses:
        """None of MODEL.LOSSES: the model has the only one."""
        del config, model, data
        return Losses([])

    def measure(self, model: Architecture, data: Held, config: Config, compute: Compute, *, epoch: int) -> Measured:
        """How well views agree, and for information how well the embedding finds identities, where they are known."""
        first, second = views(model, data.images, config, compute, epoch=epoch)
        metrics, images = agreement(first, second), {"images": len(first)}
        words = f"two views of {len(first)} images"
        if data.retrieval is None:
            return Measured(metrics, images, conditions=words)
        measured = measure(model, data.retrieval, config, compute, epoch=epoch)
        return Measured(
            metrics | measured.metrics(), images | measured.ranking.counts, conditions=f"{words}; {conditions(config)}"
        )
