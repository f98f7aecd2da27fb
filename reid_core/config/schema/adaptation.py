"""TASK.ADAPTATION: learning from the target's images without their labels."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.section import Section

__all__ = ["Adaptation"]

_RADII = {"jaccard": 0.6, "cosine": 0.2}


class Adaptation(Section):
    """TASK.ADAPTATION."""

    eps: float = Field(
        0.0,
        ge=0.0,
        le=2.0,
        description="radius of DBSCAN: within it two images are neighbours; 0: what suits METRIC, 0.6 for jaccard and "
        "0.2 for cosine",
    )
    min_samples: int = Field(4, ge=2, le=10_000, description="images within it, itself among them, of a core image")
    metric: str = Field(
        "jaccard", description="distance that is clustered by: of k-reciprocal neighbourhoods (jaccard), or cosine"
    )
    k1: int = Field(30, ge=1, le=10_000, description="neighbours of the jaccard distance that have to be mutual")
    k2: int = Field(6, ge=1, le=10_000, description="neighbours whose neighbourhoods are averaged for it; 1: none")
    cameras: str = Field(
        "none",
        description="what cameras are used for: none; center clusters features minus their camera's mean; proxies also "
        "tells clusters apart within each camera",
    )
    proxy_scale: float = Field(0.5, ge=0.0, description="weight of the loss within cameras, with CAMERAS proxies")
    temperature: float = Field(0.05, gt=0.0, le=10.0, description="divisor of the cosines to the cluster means")
    momentum: float = Field(
        0.1, ge=0.0, lt=1.0, description="share of a cluster's mean that is kept when one of its images is taken in"
    )
    iterations: int = Field(
        0, ge=0, le=1_000_000, description="batches of an epoch; 0: as many as all training images fill"
    )

    @property
    def radius(self) -> float:
        """EPS, or where that is 0 what suits the metric."""
        return self.eps or _RADII[self.metric]
