"""What of a study's log is worth telling somebody: a pure function of the events."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.events import (
    EpochReported,
    Logged,
    NodeSetAside,
    OutcomeKind,
    SegmentEnded,
    StudyEnded,
    StudyState,
    StudyStatus,
)
from orchestrator.events.aims import Aims

__all__ = ["Notice", "NoticeKind", "Notices", "trial_notice"]


class NoticeKind(StrEnum):
    """What happened."""

    END = "end"
    FAILURE = "failure"
    BEST = "best"
    NODE = "node"
    TEST = "test"


class Notice(BaseModel):
    """One message. `id` is the same whenever the same event is told again: a receiver can leave out the second."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    id: str = Field(description="STUDY:SEQ of the event")
    kind: NoticeKind
    study: str
    name: str = Field(description="the study's name")
    at: float = Field(description="Unix time of the event in seconds")
    title: str
    text: str = ""
    status: str = ""
    trial: int | None = None
    epoch: int | None = None
    metrics: dict[str, float] = Field(default_factory=dict)


class Notices:
    """Folds a study's events and gives the notices that follow, at most one best and one failure in `every` seconds.

    Within that time the newest waits and is told with the first event after it; failures in between are counted. Time
    is that of the log, so the same log always gives the same notices. `clean` takes secrets out of what is told.
    """

    def __init__(
        self, wanted: Collection[NoticeKind], *, every: float = 600.0, clean: Callable[[str], str] = str
    ) -> None:
        self._wanted, self._every, self._clean = frozenset(wanted), every, clean
        self._told: dict[NoticeKind, float] = {}
        self._waiting: dict[NoticeKind, Notice] = {}
        self._more = 0
        self._best: tuple[float, Notice] | None = None
        self._aims: Aims | None = None
        self.state = StudyState()

    def take(self, logged: Logged) -> list[Notice]:
        """Fold the next event in; what is to be told now, oldest first."""
        self.state.apply(logged)
        found = self._notice(logged)
        if found is not None and found.kind in self._wanted:
            if found.kind in {NoticeKind.BEST, NoticeKind.FAILURE} and not isinstance(logged.event, StudyEnded):
                self._more += found.kind is NoticeKind.FAILURE and NoticeKind.FAILURE in self._waiting
                self._waiting[found.kind] = found
                found = None
        else:
            found = None
        if isinstance(logged.event, StudyEnded):
            self._waiting.clear()  # the end tells the best, and the number of failures
            self._more = 0
        return [*self._due(logged.at), *([] if found is None else [found])]

    def abandoned(self) -> Notice | None:
        """What to tell when the study has no controller any more though nothing says that it should rest."""
        if self.state.status is not StudyStatus.RUNNING or NoticeKind.FAILURE not in self._wanted:
            return None
        title = f"{self._name} was interrupted: its controller is gone"
        text = f"{self.state.epochs_spent} epochs are kept; continue with: reid-tune run --resume {self._name}"
        found = self._made(NoticeKind.FAILURE, self.state.seq, self.state.updated_at, title, text, status="interrupted")
        return found.model_copy(update={"id": f"{found.id}:interrupted"})

    def _due(self, now: float) -> list[Notice]:
        due = []
        for kind in (NoticeKind.FAILURE, NoticeKind.BEST):
            if kind in self._waiting and now - self._told.get(kind, -math.inf) >= self._every:
                found = self._waiting.pop(kind)
                if kind is NoticeKind.FAILURE and self._more:
                    found = found.model_copy(update={"title": f"{found.title}, and {self._more} failures before it"})
                    self._more = 0
                self._told[kind] = now
                due.append(found)
        return due

    def _notice(self, logged: Logged) -> Notice | None:
        event = logged.event
        match event:
            case EpochReported():
                return self._improved(logged, event)
            case SegmentEnded(outcome=OutcomeKind.FAILED, final=True):
                failure = "" if event.failure is None else f" ({event.failure.value.replace('_', ' ')})"
                title = f"{self._name}: trial {event.trial} failed for good{failure}"
                text = self._clean(event.message)
                return self._made(NoticeKind.FAILURE, logged.seq, logged.at, title, text, trial=event.trial)
            case NodeSetAside():
                title = f"{self._name}: node {event.node} was set aside"
                return self._made(NoticeKind.NODE, logged.seq, logged.at, title, self._clean(event.reason))
            case StudyEnded():
                return self._ended(logged, event)
            case _:
                return None

    def _improved(self, logged: Logged, event: EpochReported) -> Notice | None:
        created = self.state.created
        if created is None or self.state.trials[event.trial].confirms is not None:
            return None  # a lucky seed is no better configuration
        if self._aims is None:
            self._aims = Aims.of(created)
        vector, violation = self._aims.vector(event.metrics), self._aims.violation(event.metrics)
        if vector is None or violation > 0 or (self._best is not None and vector[0] <= self._best[0]):
            return None
        metric = self._aims.objectives[0].metric
        shown = self._aims.measures.text(event.metrics[metric], metric)
        title = f"{self._name}: new best {metric} {shown} (trial {event.trial}, epoch {event.epoch})"
        found = self._made(
            NoticeKind.BEST, logged.seq, logged.at, title, trial=event.trial, epoch=event.epoch, metrics=event.metrics
        )
        self._best = (vector[0], found)
        return found

    def _ended(self, logged: Logged, event: StudyEnded) -> Notice:
        kind = NoticeKind.FAILURE if event.status is StudyStatus.FAILED else NoticeKind.END
        best = None if self._best is None else self._best[1]
        lead = "" if best is None else f": {best.title.removeprefix(f'{self._name}: new ')}"
        failed = sum(trial.status.value == "failed" for trial in self.state.trials.values())
        text = f"{self._clean(event.reason)}\n{len(self.state.trials)} trials ({failed} failed), "
        return self._made(
            kind,
            logged.seq,
            logged.at,
            f"{self._name} {event.status.value}{lead}",
            f"{text}{self.state.epochs_spent} epochs".lstrip(),
            status=event.status.value,
            trial=None if best is None else best.trial,
            epoch=None if best is None else best.epoch,
            metrics={} if best is None else best.metrics,
        )

    @property
    def _name(self) -> str:
        return "a study" if self.state.created is None else self.state.created.name

    def _made(self, kind: NoticeKind, seq: int, at: float, title: str, text: str = "", **rest: object) -> Notice:
        study = "" if self.state.created is None else self.state.created.study
        return Notice.model_validate(
            {"id": f"{study}:{seq}", "kind": kind, "study": study, "name": self._name, "at": at}
            | {"title": title, "text": text, **rest}
        )


def trial_notice(at: float, host: str) -> Notice:
    """The message of `reid-tune notify test`."""
    text = "This is what notifications of reid-tune look like."
    title = f"reid-tune on {host}: a test"
    return Notice(id=f"test:{round(at)}", kind=NoticeKind.TEST, study="", name="", at=at, title=title, text=text)
