"""The means of clusters, that images are compared with in place of a classifier's weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from reid_core.data.records import NO_CAMERA, Labels
from reid_core.losses.precision import at_least_float32
from reid_core.tasks.adaptation.clustering import OUTLIER

__all__ = ["Assignment", "ClusterMemory"]


class Assignment:
    """The images of an epoch as learned: each belongs to a proxy, the part of a cluster that one camera took.

    Wang et al., "Camera-aware Proxies" (AAAI 2021). `labels` (N,) are proxies, OUTLIER where an image is in no cluster;
    `cluster_of` and `camera_of` (P,) tell a proxy's cluster and camera. Unknown cameras count as one, NO_CAMERA.
    """

    def __init__(self, clusters: Labels, camids: Labels) -> None:
        """Split clusters (N,) by cameras (N,)."""
        inside = np.flatnonzero(clusters != OUTLIER)
        known = np.where(camids > NO_CAMERA, camids, NO_CAMERA)
        pairs = np.stack([clusters[inside], known[inside]], axis=1)
        proxies, own = np.unique(pairs, axis=0, return_inverse=True)
        self.labels: Labels = np.full(len(clusters), OUTLIER, np.int64)
        self.labels[inside] = own.ravel()
        self.cluster_of: Labels = proxies[:, 0]
        self.camera_of: Labels = proxies[:, 1]


class ClusterMemory(nn.Module):
    """Unit means `clusters` (C, D) and `proxies` (P, D), which follow the images of every batch.

    The dictionary of Cluster Contrast (Dai et al., ACCV 2022). Filled anew before each epoch, so that it is no part
    of the state dict: a function of the model's weights, as the clusters are.
    """

    clusters: torch.Tensor
    proxies: torch.Tensor
    cluster_of: torch.Tensor
    camera_of: torch.Tensor

    def __init__(self, count: int, width: int, *, temperature: float, momentum: float) -> None:
        super().__init__()
        self._temperature = temperature
        self._momentum = momentum
        places = torch.arange(count)
        start = functional.normalize(torch.randn(count, width))
        self.register_buffer("clusters", start, persistent=False)
        self.register_buffer("proxies", start.clone(), persistent=False)
        self.register_buffer("cluster_of", places, persistent=False)
        self.register_buffer("camera_of", torch.full_like(places, NO_CAMERA), persistent=False)

    def fill(self, embeddings: npt.NDArray[np.float32], assignment: Assignment) -> None:
        """Start from the means of embeddings (N, D), scaled to unit length, in each cluster and each proxy."""
        rows = functional.normalize(torch.from_numpy(embeddings).double())
        device, dtype = self.clusters.device, self.clusters.dtype
        inside = torch.from_numpy(np.flatnonzero(assignment.labels != OUTLIER))
        proxies = torch.from_numpy(assignment.labels)[inside]
        cluster_of = torch.from_numpy(assignment.cluster_of)
        self.proxies = _unit_means(rows[inside], proxies).to(device, dtype)
        self.clusters = _unit_means(rows[inside], cluster_of[proxies]).to(device, dtype)
        self.cluster_of = cluster_of.to(device)
        self.camera_of = torch.from_numpy(assignment.camera_of).to(device)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Cosines of features (B, D) to the clusters, by the temperature (B, C): their cross-entropy is ClusterNCE."""
        return self._scaled(features, self.clusters)

    def loss_within_cameras(self, features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of features (B, D) among the proxies of the own camera; targets (B,) are proxies; a scalar.

        CAP's intra-camera loss, as a mean over the batch. Images of unknown cameras are left out.
        """
        cameras = self.camera_of[targets]
        other = cameras[:, None] != self.camera_of[None, :]
        logits = self._scaled(features, self.proxies).masked_fill(other, -torch.inf)
        losses = functional.cross_entropy(logits, targets, reduction="none")
        known = cameras != NO_CAMERA
        return torch.where(known, losses, 0).sum() / known.sum().clamp(min=1)

    @torch.no_grad()
    def take_in(self, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Draw mean <- momentum mean + (1 - momentum) feature, to unit length, for one row of (B, D) after another."""
        rows = functional.normalize(at_least_float32(features)).to(self.clusters.dtype)
        # new tensors: the step's backward still needs the old ones
        self.clusters = self._followed(self.clusters, rows, self.cluster_of[targets])
        self.proxies = self._followed(self.proxies, rows, targets)

    def _followed(self, means: torch.Tensor, rows: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        means = means.clone()
        for row, place in zip(rows, places.tolist(), strict=True):
            means[place] = functional.normalize(torch.lerp(row, means[place], self._momentum), dim=0)
        return means

    def _scaled(self, features: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        unit = functional.normalize(at_least_float32(features))
        return at_least_float32(unit @ means.T) / self._temperature


def _unit_means(rows: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Means of rows (N, D) by `groups` (N,), from 0 without a gap, of unit length."""
    sums = torch.zeros(int(groups.max()) + 1, rows.shape[1], dtype=rows.dtype).index_add_(0, groups, rows)
    return functional.normalize(sums)
