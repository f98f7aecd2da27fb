"""The winner on all training data: trained once, measured once on the test split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from orchestrator.service.machine import cores
from orchestrator.service.progress import default_at
from orchestrator.service.service import Service
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


def retrain(
    service: Service,
    study: str,
    *,
    which: Literal["winner", "default"] = "winner",
    epochs: int | None = None,
    threads: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Retrained:
    """Train and measure. The files lie in the study's folder under retrain/; training again replaces them."""
    row = service.store.find(study)
    state = service.state(row.id)
    created = state.created
    if created is None:
        raise NotFound(f"study {row.name} has no creation event")
    chosen = service.winner(row.id) if which == "winner" else default_at(state)
    if chosen is None:
        raise NotFound(f"study {row.name} has not tried the default configuration")
    trial = state.trials[chosen.trial]
    values = complete(created.base, trial.values)
    values = scale_to(values, epochs or LENGTH * created.plan.max_epochs)
    values = {**values, "TEST.EVAL_PERIOD": 0, "SOLVER.CHECKPOINT_PERIOD": 1}
    config = from_values(values)
    directory = service.home.study(row.id) / "retrain" / which
    threads = threads or cores()

    def on_epoch(result: api.EpochResult) -> None:
        if say is not None:
            loss = result.metrics.get("loss", float("nan"))
            say(f"epoch {result.epoch} of {config.solver.max_epoch}: loss {loss:.3f}")

    result = api.train(
        config,
        directory=directory,
        protocol=api.Protocol.TEST,
        seed=created.seed if trial.seed is None else trial.seed,
        threads=threads,
        on_epoch=on_epoch,
    )
    if result.checkpoint is None:
        raise NotFound(f"training in {directory} left no checkpoint")
    report = api.evaluate(config, Path(result.checkpoint.path), protocol=api.Protocol.TEST, threads=threads)
    return Retrained(
        which=which,
        trial=chosen.trial,
        epochs=result.epoch,
        metrics=dict(report.metrics),
        protocol=report.protocol,
        checkpoint=str(result.checkpoint.path),
        config=values,
    )
