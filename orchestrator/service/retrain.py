"""The winner on all training data: trained once, measured once on the test split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from orchestrator.events import StudyCreated, Teacher
from orchestrator.service.machine import cores
from orchestrator.service.progress import default_at
from orchestrator.service.retaught import retaught, taught_by
from orchestrator.service.service import Service
from orchestrator.service.stages import Stage, stages_of
from reid_core import api
from reid_core.config import Values, from_values, scale_to
from reid_core.errors import NotFound
from search_spaces.encoding import complete

__all__ = ["LENGTH", "Retrained", "retrain"]

LENGTH = 2
"""A retraining is so many times as long as the search's full runs (docs/decisions/0006-retrain-longer.md)."""


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


def retrain(  # noqa: PLR0913 - each option stands for itself, and all but two have a default
    service: Service,
    study: str,
    *,
    which: Literal["winner", "default"] = "winner",
    pick: str = "",
    trial: int | None = None,
    epochs: int | None = None,
    threads: int | None = None,
    teachers: Sequence[str] = (),
    say: Callable[[str], None] | None = None,
) -> Retrained:
    """Train and measure. The files lie in the study's folder under retrain/; training again replaces them.

    A fork is trained as it came about: with each ancestor's values for their share of the epochs, then with its own.

    `pick` and `trial` choose another winner, as in Service.winner. A student learns from the retrained winners of the
    studies that taught it, or from `teachers` (files, or study:NAME), which know all identities too.
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
    values = taught_by(values, taught)
    config = from_values(values)
    own = which if trial is None and not pick else f"trial-{chosen.trial:04d}"
    directory = service.home.study(row.id) / "retrain" / own
    threads = threads or cores()

    def train(stage: Stage, start: api.Fork | None) -> api.CheckpointFile:
        result = api.train(
            from_values(taught_by(_lengthened(created, stage.values, length), taught)),
            directory=directory,
            protocol=api.Protocol.TEST,
            to_epoch=stage.until,
            checkpoint=start,
            seed=created.seed if source.seed is None else source.seed,
            threads=threads,
            on_epoch=_teller(say, config.solver.max_epoch),
        )
        if result.checkpoint is None:
            raise NotFound(f"training in {directory} left no checkpoint")
        return result.checkpoint

    first, *rest = stages_of(state, source, length)
    made = train(first, None)
    for stage in rest:
        made = train(stage, api.Fork(made.path, made.epoch, made.sha256))
    report = api.evaluate(config, made.path, protocol=api.Protocol.TEST, threads=threads)
    return Retrained(
        which=which,
        trial=chosen.trial,
        epochs=made.epoch,
        metrics=dict(report.metrics),
        protocol=report.protocol,
        checkpoint=str(made.path),
        config=values,
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
