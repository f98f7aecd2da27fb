"""A study's changes as server-sent events: `id` is the revision, so that a reconnect goes on where it broke off.

A `delta` carries the new summary, the row and the whole curve (a few hundred numbers) of every trial that changed
after the revision the client knows, and the rows of those that run, whose time left changes. Applying one twice,
or one that spans several revisions, loses nothing. When more events came or trials changed than a delta should carry,
`reset` tells the client to fetch the study again. A `summary` without an id is the heartbeat.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator

from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict

from dashboards.errors import ErrorBody, describe
from orchestrator.service.errors import ReidTuneError
from orchestrator.service.service import Service
from orchestrator.service.views import EventView, StudySummary, TrialRow

__all__ = ["Curve", "Delta", "Feed"]

_MOST_TRIALS = 32
_MOST_EVENTS = 2_000
_ASK_ANYWAY = 0.25  # seconds
_KEPT_DELTAS = 32


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Curve(_Frozen):
    """Every reported epoch of one trial, in columns."""

    trial: int
    epochs: tuple[int, ...]
    metrics: dict[str, tuple[float | None, ...]]


class Delta(_Frozen):
    """What changed after a revision. With `reset`, fetch the study and its metrics again."""

    revision: int
    study: StudySummary
    trials: tuple[TrialRow, ...] = ()
    curves: tuple[Curve, ...] = ()
    events: tuple[EventView, ...] = ()
    reset: bool = False


def compute(service: Service, study: str, after: int, revision: int) -> Delta:
    """The delta from revision `after` to now, which is `revision` or later."""
    many = revision - after > _MOST_EVENTS
    events = () if many else tuple(service.events(study, after))
    changed = sorted({event.trial for event in events if event.trial is not None})
    if many or len(changed) > _MOST_TRIALS:
        summary, _ = service.news(study)
        return Delta(revision=summary.revision, study=summary, reset=True)
    summary, rows = service.news(study, changed)
    curves = [service.trial(study, trial) for trial in changed]
    return Delta(
        revision=min(summary.revision, events[-1].seq) if events else summary.revision,
        study=summary,
        trials=rows,
        curves=tuple(Curve(trial=trial.id, epochs=trial.epochs, metrics=trial.curves) for trial in curves),
        events=events,
    )


class Feed:
    """Looks at each watched study once a `poll` (seconds); its viewers wait for the same look, which news ends."""

    def __init__(self, service: Service, *, poll: float = 0.03, heartbeat: float = 15.0) -> None:
        self._service = service
        self._poll = poll
        self._heartbeat = heartbeat
        self._looks: dict[tuple[str, int], asyncio.Task[int]] = {}
        self._deltas: OrderedDict[tuple[str, int, int], str] = OrderedDict()
        self._closing = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    def close(self) -> None:
        """End every open stream; the server is about to go."""
        self._closing.set()

    async def stream(self, study: str, after: int) -> AsyncIterator[str]:
        """Server-sent events after revision `after`, until the client or the server goes."""
        yield "retry: 1000\n\n"
        spoke = time.monotonic()
        known = after
        first = True
        while not self._closing.is_set():
            try:
                revision = await self._revision(study, None if first else known)
                first = False
                if revision < known:  # the store was replaced; the client knows another history
                    known = 0
                if revision > known:
                    known, text = await self._delta(study, known, revision)
                    spoke = time.monotonic()
                    yield text
                if time.monotonic() - spoke >= self._heartbeat:
                    spoke = time.monotonic()
                    yield await self._beat(study)
            except ReidTuneError as error:
                yield f"event: error\ndata: {ErrorBody(error=describe(error)).model_dump_json()}\n\n"
                return

    async def _beat(self, study: str) -> str:
        """A heartbeat that tells what changes without an event: the time left, a controller that died."""
        detail = await run_in_threadpool(self._service.summary, study)
        return f"event: summary\ndata: {detail.model_dump_json()}\n\n"

    async def _revision(self, study: str, known: int | None) -> int:
        """The study's revision: now, or as soon as it is another one than `known`, or time for a heartbeat."""
        if known is None:
            return await run_in_threadpool(self._service.revision, study)
        look = self._looks.get((study, known))
        if look is None or look.done():
            look = self._looks[study, known] = asyncio.create_task(self._look(study, known))
            look.add_done_callback(lambda done: done.cancelled() or done.exception())  # its viewers may all be gone
        return await asyncio.shield(look)  # one viewer that goes must not take the look of the others along

    async def _look(self, study: str, known: int) -> int:
        """Look until the study has another revision than `known`; viewers wake for news, not for each look.

        Where a glance at the store's file tells whether anything was written, it is asked then, and now and then.
        """
        until = time.monotonic() + self._heartbeat / 3
        seen, asked = self._service.written(), 0.0
        try:
            while not self._closing.is_set():
                await asyncio.sleep(self._poll if seen is None else self._poll / 3)
                now, mark = time.monotonic(), self._service.written()
                if mark is not None and mark == seen and now - asked < _ASK_ANYWAY:
                    continue
                seen, asked = mark, now
                revision = await run_in_threadpool(self._service.revision, study)
                if revision != known or now > until:
                    return revision
            return known
        finally:
            del self._looks[study, known]

    async def _delta(self, study: str, after: int, revision: int) -> tuple[int, str]:
        """The new revision and the event's text; viewers at the same revision share one."""
        key = (study, after, revision)
        async with self._one_at_a_time:
            text = self._deltas.get(key)
            if text is None:
                delta = await run_in_threadpool(compute, self._service, study, after, revision)
                text = f"id: {delta.revision}\nevent: delta\ndata: {delta.model_dump_json()}\n\n"
                self._deltas[key] = text
                while len(self._deltas) > _KEPT_DELTAS:
                    self._deltas.popitem(last=False)
        return int(text[4 : text.index("\n")]), text
