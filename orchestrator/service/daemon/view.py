"""What the daemon answers when it is asked how it stands. Times are Unix seconds, durations seconds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DaemonView", "QueuedView", "ServedView", "TroubleView"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServedView(_View):
    """A study with a live controller."""

    id: str
    name: str
    owner: str = Field(description="host:pid of its controller; empty: it waits for the next service to go on")
    slots: int = Field(description="segments that run now")
    granted: int | None = Field(None, description="segments that it may run; None: it was not started by the daemon")
    workers: int = Field(description="segments that it can run at most")
    max_slots: int | None = None
    priority: int = 0
    weight: float = 1.0
    trials_started: int
    trials_planned: int
    epochs_spent: int
    epochs_planned: int
    epochs_per_hour: float | None = Field(None, description="of all its trials, over the time it has run")
    seconds_left: float | None = None
    ends_at: float | None = Field(None, description="when it is expected to end; None while that is unknown")


class QueuedView(_View):
    """A study that waits for its controller; the first of the queue is started first."""

    id: str
    name: str
    position: int = Field(ge=1)
    waits_for: str = Field(description="why it does not run yet, in words")
    since: float
    workers: int
    max_slots: int | None = None
    priority: int = 0
    weight: float = 1.0


class TroubleView(_View):
    """A study that the daemon cannot keep running, and why."""

    id: str
    name: str
    text: str


class DaemonView(_View):
    """The service: whether it is up, who runs in it and who waits."""

    up: bool
    died: int | None = Field(None, description="the process of a service that ended without a word; None: none did")
    pid: int | None = None
    host: str = ""
    url: str = Field("", description="address of the pages; empty without a web server")
    started: float | None = None
    version: str = ""
    log: str = Field("", description="the daemon's log file")
    slots: int = Field(0, description="segments that may run side by side, of all studies together")
    slots_used: int = Field(0, description="segments of the daemon's studies that run now")
    running: tuple[ServedView, ...] = ()
    queue: tuple[QueuedView, ...] = ()
    troubles: tuple[TroubleView, ...] = ()
