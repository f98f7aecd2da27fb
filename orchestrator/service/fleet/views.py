"""What is told of many studies at once: the list, several beside each other, the cluster. Times are Unix seconds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.service.daemon.view import DaemonView
from orchestrator.service.views import StepsView, StudySummary

__all__ = [
    "ClusterNode",
    "ClusterView",
    "ComparedSetting",
    "ComparedStudy",
    "FailureView",
    "GpuView",
    "RunningSegment",
    "StudiesComparison",
    "StudyIdle",
]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComparedStudy(_View):
    """One of several studies: its summary, and its incumbent against what had been spent by then."""

    study: StudySummary
    steps: StepsView = Field(description="epochs spent and the incumbent's objective, each time it improved")
    hours_per_epoch: float | None = Field(None, description="mean trial-hours of an epoch so far; None: unknown")


class ComparedSetting(_View):
    """Something in which the studies differ, with one text a study, in their order."""

    section: str = Field(description="space, configuration, plan, data, limits, search or versions")
    what: str
    values: tuple[str, ...]


class StudiesComparison(_View):
    """Several studies beside each other, and everything in which they differ."""

    studies: tuple[ComparedStudy, ...]
    settings: tuple[ComparedSetting, ...]


class RunningSegment(_View):
    """A segment that runs now, as its study's log tells it."""

    study: str
    name: str = Field(description="of the study")
    trial: int
    segment: int
    attempt: int
    epoch: int = Field(description="finished so far")
    to_epoch: int
    since: float
    node: str = Field(description="where it runs; empty: somewhere on the cluster")
    gpus: float = Field(description="GPUs that it takes")
    cpus: int = Field(description="threads that it takes")
    images_per_second: float | None = Field(None, description="of its last epoch")
    gpu: float | None = Field(None, description="share of the GPU in use in its last epoch")
    cpu: float | None = Field(None, description="cores in use in its last epoch")
    gpu_memory_gb: float | None = Field(None, description="GPU memory in its last epoch, in GiB")


class GpuView(_View):
    """One GPU of this machine, as its driver tells it."""

    number: int
    name: str
    memory_used: float = Field(description="GiB")
    memory: float = Field(description="GiB")
    busy: float = Field(description="share of the last second in [0, 1]")


class ClusterNode(_View):
    """A machine with what runs on it. Of Ray's nodes the used parts are what Ray has given away."""

    name: str
    cores: float
    cores_used: float | None = None
    memory: float = Field(description="GiB")
    memory_used: float | None = Field(None, description="GiB")
    gpus: float = 0.0
    gpus_used: float | None = None
    devices: tuple[GpuView, ...] = Field((), description="its GPUs one by one, where this machine's driver tells them")
    set_aside: str = Field("", description="why nothing more is started there")
    running: tuple[RunningSegment, ...] = ()


class StudyIdle(_View):
    """How much of its slots' time a running study left unused though work existed."""

    id: str
    name: str
    idle_share: float | None = None


class FailureView(_View):
    """Segments that ended badly, of one kind, by study."""

    kind: str
    count: int
    studies: dict[str, int] = Field(description="name of the study to its count")


class ClusterView(_View):
    """Everything at one time: nodes and what runs where, the queue, shares, failures."""

    at: float
    kind: str = Field(description="ray: the nodes of a cluster; machine: this one alone")
    ray: str = Field("", description="address of the cluster; empty: this machine")
    nodes: tuple[ClusterNode, ...]
    elsewhere: tuple[RunningSegment, ...] = Field((), description="what runs where nobody can say")
    service: DaemonView
    idle: tuple[StudyIdle, ...] = ()
    failures: tuple[FailureView, ...] = ()
