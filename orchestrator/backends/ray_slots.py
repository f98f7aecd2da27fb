"""A slot on Ray: the actor that runs its segments, and for several nodes an actor on each of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.backends.ray_nodes import Nodes
from orchestrator.backends.ray_placement import bundle, labels, options
from orchestrator.backends.ray_worker import SegmentWorker, Warm
from orchestrator.trial.protocol import Resources, SegmentSpec

__all__ = ["Slot", "SlotMaker"]


@dataclass(slots=True, eq=False)
class Slot:
    """Actors with what may speak of them, and the segment that they run.

    `warming` answers when the actor is ready, `notice` when its process was warned or died, `stream` speaks for the
    running segment. `leaving`: nothing more is started here.
    """

    actor: Any
    warming: Any
    others: list[Any] = field(default_factory=list)
    group: Any = None
    warm: Warm | None = None
    notice: Any = None
    spec: SegmentSpec | None = None
    stream: Any = None
    segments: int = 0
    leaving: bool = False

    @property
    def host(self) -> str:
        """The node's name; empty until it is known."""
        return self.warm.host if self.warm is not None else ""


class SlotMaker:
    """Makes slots for segments with `resources`; Ray places each as soon as there is room, now or later.

    What waits for room is demand that Ray's autoscaler sees, and that ends with this process.
    """

    def __init__(
        self, ray: Any, trial: str, resources: Resources, nodes: Nodes, environment: Mapping[str, Any]
    ) -> None:
        self._ray, self._trial, self._resources, self._nodes = ray, trial, resources, nodes
        threads = str(int(bundle(resources)["CPU"]))
        variables = {**environment.get("env_vars", {}), "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        self._environment = {**environment, "env_vars": variables}

    def make(self) -> Slot:
        """A new slot, which answers later."""
        selector = labels(self._resources.labels, self._nodes.avoided)
        if self._resources.nodes == 1:
            actor = self._actor(SegmentWorker, label_selector=selector).remote(self._trial)
            return Slot(actor, actor.ready.remote())
        return self._spread(selector)

    def end(self, slot: Slot) -> None:
        """Kill the slot's actors and give back what they held."""
        for actor in (slot.actor, *slot.others):
            self._ray.kill(actor)
        if slot.group is not None:
            self._ray.util.remove_placement_group(slot.group)

    def _spread(self, selector: dict[str, str]) -> Slot:
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy  # noqa: PLC0415 - Ray is heavy

        from orchestrator.backends.ray_ranks import RankHost  # noqa: PLC0415 - only where a trial takes several nodes

        count = self._resources.nodes
        group = self._ray.util.placement_group(
            [bundle(self._resources)] * count, strategy="STRICT_SPREAD", bundle_label_selector=[selector] * count
        )
        at = [PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=one) for one in range(count)]
        actor = self._actor(SegmentWorker, scheduling_strategy=at[0]).remote(self._trial)
        others = [self._actor(RankHost, scheduling_strategy=place).remote() for place in at[1:]]
        actor.spread.remote(others)
        return Slot(actor, actor.ready.remote(), others, group)

    def _actor(self, kind: type, **place: Any) -> Any:
        return self._ray.remote(kind).options(
            **options(self._resources),
            **place,
            max_restarts=0,
            max_concurrency=4,
            runtime_env=self._environment,
        )
