"""What is told before a study is launched: its data, its plan, and the command and YAML that make the same study."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.service.views import PlanView

__all__ = ["DataView", "LaunchView", "SampleView", "SetView"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SampleView(_View):
    """One image to look at; `key` fetches it while the server remembers."""

    key: str
    part: str
    pid: str
    camid: int | None = Field(description="None: nobody knows the camera")


class SetView(_View):
    """The counts of one data set; no name where it is the only one."""

    name: str
    layout: str
    train_images: int
    train_identities: int
    cameras: int
    query_images: int
    gallery_images: int


class DataView(_View):
    """The images of a study, as counted without decoding any."""

    sentence: str
    fingerprint: str
    sets: tuple[SetView, ...]
    held_identities: int = Field(description="cut from the training images to choose by")
    held_queries: int
    held_gallery: int
    ignored: dict[str, int] = Field(description="files left out, by reason")
    samples: tuple[SampleView, ...] = ()


class LaunchView(_View):
    """What launching would do. Nothing was created."""

    plan: PlanView
    data: DataView
    ends_at: float | None = Field(None, description="when it would be done if it were launched now; None: unknown")
    script: str = Field(description="what to paste into a shell: the command, and the file that it reads")
    yaml: str = Field(description="the space as a file, with the command that runs it as its first line")
