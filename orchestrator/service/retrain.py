"""The winner on all training data: trained once, measured once on the test split."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from orchestrator.events import StudyCreated, Teacher
from orchestrator.service.machine import default_threads
from orchestrator.service.progress import default_at
from orchestrator.service.retaught import retaught, taught_by
from orchestrator.service.service import Service
from orchestrator.service.stages import stages_of
from reid_core import api
from reid_core.config import Values, from_values, scale_to
from reid_core.errors import NotFound
from reid_core.results import UNFINISHED
from search_spaces.encoding import complete

__all__ = ["LENGTH", "Retrained", "Retraining", "retraining"]

LENGTH = 2
"""A retraining is so many times as long as the search's full runs (docs/decisions/0006-retrain-longer.md)."""

STAMP = "retraining.json"
"""The file in a retraining's folder that tells what is trained there."""


class Retrained(BaseModel):
    """A model trained on all training identities and its test metrics (fractions in [0, 1])."""

    model_config = ConfigDict(frozen=True)

    which: str
    trial: int
    epochs: int
    metrics: dict[str, float]
    protocol: str
    checkpoint: str
    config: Values
    teachers: tuple[Teacher, ...] = ()


@dataclass(frozen=True, slots=True)
class Retraining:
    """A retraining that nothing stands in the way of: what is trained, how long, and where its files lie."""

    which: str
    trial: int
    directory: Path
    seed: int
    stages: tuple[tuple[int, Values], ...]
    teachers: tuple[Teacher, ...]

    def train(
        self,
        *,
        threads: int | None = None,
        say: Callable[[str], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        should_leave: Callable[[], bool] | None = None,
    ) -> Retrained | None:
        """Train and measure once; None: it was asked to stop. The files lie in `directory`.

        One that was interrupted goes on, and of one that ended the model is measured again. A fork is trained as it
        came about: with each ancestor's values for their share of the epochs, then with its own.
        """
        threads = threads or default_threads()
        values = self.stages[-1][1]
        made: api.CheckpointFile | None = None
        place, start = self._beginning()
        if start is not None and say is not None:
            last = self.stages[-1][0]
            say("is trained already" if start.epoch == last else f"goes on after epoch {start.epoch} of {last}")
        for until, own in self.stages[place:]:
            if should_stop is not None and should_stop():
                return None
            result = api.train(
                from_values(own),
                directory=self.directory,
                protocol=api.Protocol.TEST,
                to_epoch=until,
                checkpoint=start,
                seed=self.seed,
                threads=threads,
                on_epoch=_teller(say, from_values(values).solver.max_epoch),
                should_stop=should_stop,
                should_leave=should_leave,
            )
            if result.stopped:
                return None
            made = result.checkpoint
            if made is None:
                break
            start = api.Fork(made.path, made.epoch, made.sha256)
        if made is None:
            raise NotFound(f"training in {self.directory} left no checkpoint")
        report = api.evaluate(from_values(values), made.path, protocol=api.Protocol.TEST, threads=threads)
        return Retrained(
            which=self.which,
            trial=self.trial,
            epochs=made.epoch,
            metrics=dict(report.metrics),
            protocol=report.protocol,
            checkpoint=str(made.path),
            config=values,
            teachers=self.teachers,
        )

    def _beginning(self) -> tuple[int, api.CheckpointFile | None]:
        """Which stage to go on with, and from where: the newest checkpoint, if it is of this very training.

        What another training left in the folder is removed.
        """
        stamp, own = self.directory / STAMP, self._told()
        if not stamp.is_file() or stamp.read_text("utf-8", errors="replace") != own:
            for file in (*self.directory.glob("epoch-*.pt*"), *self.directory.glob(f"{UNFINISHED}*")):
                file.unlink(missing_ok=True)
            self.directory.mkdir(parents=True, exist_ok=True)
            stamp.write_text(own, "utf-8")
            return 0, None
        newest = api.newest_checkpoint(self.directory)
        if newest is None:
            return 0, None
        ends = [until for until, _ in self.stages]
        place = next((place for place, until in enumerate(ends) if newest.epoch < until), len(ends) - 1)
        if place and newest.epoch == ends[place - 1]:
            return place, api.Fork(newest.path, newest.epoch, newest.sha256)
        return place, newest

    def _told(self) -> str:
        """All that this training is made of."""
        data = api.describe_data(from_values(self.stages[-1][1])).fingerprint
        teachers = [teacher.sha256 for teacher in self.teachers]
        parts = {"stages": self.stages, "seed": self.seed, "teachers": teachers, "data": data}
        return json.dumps(parts, sort_keys=True, indent=1, default=str)


def retraining(
    service: Service,
    study: str,
    *,
    which: Literal["winner", "default"] = "winner",
    pick: str = "",
    trial: int | None = None,
    epochs: int | None = None,
    teachers: Sequence[str] = (),
) -> Retraining:
    """What is to be trained, with everything refused that can be before any work.

    `pick` and `trial` choose another winner, as in Service.winner. A student learns from the retrained winners of the
    studies that taught it, or from `teachers` (files, or study:NAME), which know all identities too. Raises NotFound
    and InvalidInput.
    """
    row = service.store.find(study)
    state = service.state(row.id)
    created = state.created
    if created is None:
        raise NotFound(f"study {row.name} has no creation event")
    chosen = service.winner(row.id, pick=pick, trial=trial) if which == "winner" else default_at(state)
    if chosen is None:
        raise NotFound(f"study {row.name} has not tried the default configuration")
    source = state.trials[chosen.trial]
    length = epochs or LENGTH * created.plan.max_epochs
    values = _lengthened(created, source.values, length)
    taught = retaught(created, values, teachers, service.state, service.home)
    own = which if trial is None and not pick else f"trial-{chosen.trial:04d}"
    return Retraining(
        which=which,
        trial=chosen.trial,
        directory=service.home.study(row.id) / "retrain" / own,
        seed=created.seed if source.seed is None else source.seed,
        stages=tuple(
            (stage.until, taught_by(_lengthened(created, stage.values, length), taught))
            for stage in stages_of(state, source, length)
        ),
        teachers=taught,
    )


def _teller(say: Callable[[str], None] | None, last: int) -> Callable[[api.EpochResult], None]:
    """What says a line after each epoch, where somebody listens."""

    def on_epoch(result: api.EpochResult) -> None:
        if say is not None:
            loss = result.metrics.get("loss", float("nan"))
            say(f"epoch {result.epoch} of {last}: loss {loss:.3f}")

    return on_epoch


def _lengthened(created: StudyCreated, own: Values, epochs: int) -> Values:
    """A trial's whole configuration for a training of `epochs` epochs, measured at its end."""
    values = scale_to(complete(created.base, own, created.space.tied), epochs)
    return {**values, "TEST.EVAL_PERIOD": 0, "SOLVER.CHECKPOINT_PERIOD": 1}
