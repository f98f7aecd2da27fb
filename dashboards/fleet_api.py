"""The HTTP API over many studies: several beside each other, and the cluster."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.service.fleet.cluster import Cluster
from orchestrator.service.fleet.studies import compare
from orchestrator.service.fleet.views import ClusterView, StudiesComparison
from orchestrator.service.service import Service

__all__ = ["add_fleet"]

_Studies = Annotated[str, Query(min_length=1, max_length=2000, description="names, ids or latest, with commas")]


def add_fleet(router: APIRouter, service: Service, cluster: Cluster) -> None:
    """Add the routes."""

    @router.get("/compare", tags=["studies"])
    def comparison(studies: _Studies) -> StudiesComparison:
        """Up to 20 studies beside each other: best against cost, and everything in which they differ."""
        return compare(service, [name.strip() for name in studies.split(",") if name.strip()])

    @router.get("/cluster", tags=["service"])
    def cluster_now() -> ClusterView:
        """Nodes and GPUs with what runs where, the queue, shares, idle time, failures by kind, nodes set aside."""
        return cluster.view()
