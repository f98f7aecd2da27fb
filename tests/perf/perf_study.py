"""A study of any size as the events that its controller would have written, for benchmarks of what reads and asks.

Bracket by bracket: all trials reach the lowest rung, the best go on. Scores follow the learning rate, so that models
have something to learn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orchestrator.events import (
    Bracket,
    CheckpointSaved,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyState,
    TrialSuggested,
)
from orchestrator.search import make_plan
from orchestrator.store import SqlStore, open_store
from reid_core.config import Values
from search_spaces.encoding import Encoder
from search_spaces.load import load_space
from search_spaces.sampling import sample

__all__ = ["OWNER", "STUDY", "Writer", "grown_state", "grown_store"]

STUDY = "id-large"
OWNER = "bench:1"
METRICS = 5
_BATCH = 5_000
_SECONDS_AN_EPOCH = 4.0


@dataclass(frozen=True, slots=True)
class _Curve:
    """A trial's mAP over its epochs."""

    level: float

    def at(self, epoch: int) -> dict[str, float]:
        score = self.level * (1 - math.exp(-epoch / 20))
        loss = 6.5 * math.exp(-epoch / 20) + 1.2
        rank1 = min(0.99, 1.4 * score)
        return {"mAP": score, "mINP": 0.3 * score, "rank1": rank1, "loss": loss, "seconds": _SECONDS_AN_EPOCH}


class Writer:
    """Writes a study over the catalog's bnneck space: 12 parameters, rungs 7 / 20 / 60.

    `planned` trials are planned, the first `begun` of them done as far as their brackets go.
    """

    def __init__(self, planned: int, begun: int, *, algorithm: str = "bohb", name: str = "large") -> None:
        loaded = load_space("bnneck")
        self._space, self._base = loaded.space, loaded.base
        self._begun = begun
        self._random = np.random.default_rng(7)
        self._first = Encoder(loaded.space, loaded.base).first()
        self.segments = 0
        self.created = StudyCreated(
            study=f"id-{name}",
            name=name,
            space=loaded.space,
            base=loaded.base,
            plan=make_plan(60, 7, 3, planned),
            seed=0,
            algorithm=algorithm,
            backend="ray",
            workers=2,
            data="12,936 images of 751 identities from 6 cameras",
            command=f"reid-tune run --space bnneck --trials {planned} --name {name}",
        )

    def values(self, trial: int) -> Values:
        """The configuration of a trial; the first is the default."""
        return self._first if trial == 1 else sample(self._space, self._base, self._random)

    def curve(self, values: Values) -> _Curve:
        """What the trial will report."""
        rate = math.log10(float(str(values["SOLVER.BASE_LR"])) / 2.5e-3)
        return _Curve(0.56 * math.exp(-(rate**2) / 1.1) + 0.03 * float(self._random.random()))

    def events(self) -> Iterator[Event]:
        """Everything after StudyCreated and ControllerStarted, in order."""
        first = 1
        for index, bracket in enumerate(self.created.plan.brackets):
            count = min(bracket.sizes[0], self._begun - first + 1)
            if count <= 0:
                return
            yield from self._bracket(index, bracket, range(first, first + count))
            first += count

    def _bracket(self, index: int, bracket: Bracket, trials: range) -> Iterator[Event]:
        curves: dict[int, _Curve] = {}
        for trial in trials:
            values = self.values(trial)
            curves[trial] = self.curve(values)
            origin = Origin.DEFAULT if trial == 1 else Origin.MODEL if trial % 3 else Origin.RANDOM
            reason = "3.1 times as likely among the best 12 of 60 as among the rest"
            yield TrialSuggested(
                trial=trial, values=values, origin=origin, reason=reason, bracket=index, to_epoch=bracket.rungs[0]
            )
            yield from self.segment(trial, 0, bracket.rungs[0], curves[trial])
        ranked = sorted(curves, key=lambda trial: (-curves[trial].level, trial))
        whole = len(trials) == bracket.sizes[0]  # a bracket with room promotes later
        for low, rung, size in zip(bracket.rungs, bracket.rungs[1:], bracket.sizes[1:], strict=False):
            for trial in ranked[: size if whole else 0]:
                yield from self.segment(trial, low, rung, curves[trial])

    def segment(self, trial: int, low: int, high: int, curve: _Curve) -> Iterator[Event]:
        """One whole segment of a trial."""
        self.segments += 1
        yield SegmentStarted(segment=self.segments, trial=trial, from_epoch=low, to_epoch=high, reason="its place")
        for epoch in range(low + 1, high + 1):
            yield EpochReported(trial=trial, segment=self.segments, epoch=epoch, metrics=curve.at(epoch))
        path, seconds = f"trials/{trial:04d}/epoch-{high}.pt", _SECONDS_AN_EPOCH * (high - low)
        yield CheckpointSaved(trial=trial, segment=self.segments, epoch=high, path=path, sha256="0" * 64)
        yield SegmentEnded(
            segment=self.segments, trial=trial, outcome=OutcomeKind.COMPLETED, seconds=seconds, worker="node-1:4711"
        )


def grown_state(writer: Writer) -> StudyState:
    """The state after everything that the writer tells."""
    state = StudyState()
    start: list[Event] = [writer.created, ControllerStarted(owner=OWNER, token=1, workers=2)]
    for at, event in enumerate([*start, *writer.events()]):
        state.apply(Logged(state.seq + 1, float(at), event))
    return state


def grown_store(path: Path | str, writer: Writer, *, began: float, lease: float = 0.0) -> tuple[SqlStore, int]:
    """A store, in a file or behind a URL, with the study in it, and a fencing token.

    The lease lasts `lease` seconds beyond `began`.
    """
    store = open_store(path)
    store.create_study(writer.created, began)
    study = writer.created.study
    token = store.acquire(study, OWNER, lease, began)
    store.append(study, [ControllerStarted(owner=OWNER, token=token, workers=2)], token=token, at=began)
    batch: list[Event] = []
    at = began
    for event in writer.events():
        batch.append(event)
        if len(batch) >= _BATCH:
            at += _SECONDS_AN_EPOCH
            store.append(study, batch, token=token, at=at)
            batch = []
    store.append(study, batch, token=token, at=at)
    return store, token
