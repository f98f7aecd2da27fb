"""Re-identification on images that nobody labelled: cluster, learn the clusters, cluster again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import distributed

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.loader import eval_batches
from reid_core.data.parts import EvaluationData
from reid_core.data.pipeline import SplitData
from reid_core.data.records import NO_CAMERA, Labels
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import embeddings
from reid_core.engine.measuring import finite
from reid_core.errors import ConfigError, Finding
from reid_core.losses import Losses, build_losses
from reid_core.losses.outputs import Outputs
from reid_core.modeling import Architecture, build_model
from reid_core.modeling.architectures import PixelStatistics
from reid_core.results import Protocol
from reid_core.tasks.adaptation.clustering import OUTLIER, cluster
from reid_core.tasks.adaptation.memory import Assignment, ClusterMemory
from reid_core.tasks.adaptation.model import ClusterModel, cluster_model
from reid_core.tasks.adaptation.sampler import ClusterSampler
from reid_core.tasks.reid.task import ReidTask
from reid_core.tasks.task import Relabelled

__all__ = ["AdaptationTask"]

_GROUP = 16
"""Images of each arbitrary group before the first clusters: no setting, or a fork could not change it."""

_EMBEDDED_TOGETHER = 128
"""Images a batch: clusters must not depend on TEST, which a continued run may change."""


class AdaptationTask(ReidTask):
    """Train on clusters of the training images, whose labels are dropped when they are opened; measure as ReID."""

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[EvaluationData]:
        """The images of ReID, in arbitrary groups until they are clustered: no label goes any further.

        Raises ConfigError where cameras are to be used and none is known.
        """
        data = super().open(config, protocol, threads=threads, progress=progress)
        _check_cameras(config, data.train.camids)
        images = len(data.train.records)
        groups = max(2, images // _GROUP)
        labels = np.arange(images, dtype=np.int64) % groups
        train = replace(data.train, labels=labels)
        return replace(data, train=train, num_classes=groups, sampler=_sampler(config, labels, train.camids))

    def model(self, config: Config, classes: int, *, pretrained: bool = True) -> ClusterModel:
        """The Baseline of `config` with a memory of `classes` clusters, until it is filled."""
        settings = config.task.adaptation
        return cluster_model(
            build_model(config, classes, pretrained=pretrained),
            PixelStatistics(config.model.pixel_mean, config.model.pixel_std),
            temperature=settings.temperature,
            momentum=settings.momentum,
            proxy_scale=settings.proxy_scale if settings.cameras == "proxies" else 0.0,
        )

    def losses(self, config: Config, model: Architecture, data: SplitData[EvaluationData] | None) -> Losses:
        """MODEL.LOSSES, with clusters as the classes."""
        del data
        return _ClusterLosses(build_losses(config, model.num_classes, model.metric_dims), _memory_of(model))

    def relabel(
        self,
        model: Architecture,
        data: SplitData[EvaluationData],
        config: Config,
        compute: Compute,
        *,
        seed: int,
        epoch: int,
    ) -> Relabelled:
        """Cluster the training images as `model` sees them now, and fill its memory with the clusters' means.

        Nothing is drawn at random, and nothing of TEST is read. Raises TrainingDiverged when an embedding is not
        finite, ConfigError where TASK.ADAPTATION.EPS is so large that memory would not hold all neighbours.
        """
        del seed
        part = data.train
        batches = eval_batches(part.images, part.camids, _EMBEDDED_TOGETHER)
        rows = _as_led(finite(embeddings(model, batches, compute), epoch - 1), compute)
        found = cluster(rows, part.camids, config.task.adaptation)
        assignment = Assignment(found.labels, part.camids)
        _memory_of(model).fill(rows, assignment)
        metrics = {
            "clusters": float(found.count),
            "outliers": float((found.labels == OUTLIER).sum()),
            "fallback": float(found.fallback),
        }
        return Relabelled(assignment.labels, _sampler(config, found.labels, part.camids), metrics)


class _ClusterLosses(Losses):
    """Losses of clusters, told proxies."""

    def __init__(self, losses: Losses, memory: ClusterMemory) -> None:
        super().__init__(losses.terms)

        def cluster_of(proxies: torch.Tensor) -> torch.Tensor:
            return memory.cluster_of[proxies]

        self._cluster_of = cluster_of  # the memory itself would become a part of these losses

    def forward(self, outputs: Outputs, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """As Losses; targets (B,) are proxies."""
        return super().forward(outputs, self._cluster_of(targets))


def _memory_of(model: Architecture) -> ClusterMemory:
    if not isinstance(model, ClusterModel):
        raise TypeError(f"{type(model).__name__} has no memory of clusters")
    return model.memory


def _sampler(config: Config, clusters: Labels, camids: Labels) -> ClusterSampler:
    size, instances = config.solver.ims_per_batch, config.dataloader.num_instance
    batches = config.task.adaptation.iterations or -(-len(clusters) // size)
    return ClusterSampler(clusters, camids, size // instances, instances, batches=batches)


def _as_led(rows: npt.NDArray[np.float32], compute: Compute) -> npt.NDArray[np.float32]:
    """Those of the leading process, where several train: each has batch norm statistics of its own."""
    if not distributed.is_initialized():
        return rows
    shared = torch.from_numpy(rows).to(compute.device)
    distributed.broadcast(shared, src=0)
    return shared.cpu().numpy()


def _check_cameras(config: Config, camids: Labels) -> None:
    if config.task.adaptation.cameras == "none" or (camids > NO_CAMERA).any():
        return
    raise ConfigError(
        Finding(
            "no-cameras",
            f"TASK.ADAPTATION.CAMERAS is {config.task.adaptation.cameras}, and no training image says its camera",
            hint="set it to none",
            key="TASK.ADAPTATION.CAMERAS",
        )
    )
