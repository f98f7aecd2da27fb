"""Drives an algorithm through a study's events with simulated trials: any workers, order, failures and stops."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from orchestrator.events import (
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    EpochReported,
    Event,
    Logged,
    OutcomeKind,
    Plan,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyState,
)
from orchestrator.search import Move, NewTrial, make_algorithm
from orchestrator.trial.kinds import FailureKind
from reid_core.config import Values
from search_spaces.model import Space

Curve = Callable[[Values, int], float | dict[str, float]]


def hashed_curve(values: Values, epoch: int) -> float:
    """A value in [0, 1] that rises with the epoch and differs from configuration to configuration."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()
    level, speed = digest[0] / 255, digest[1] / 255
    return level * (1 - np.exp(-epoch * (0.02 + 0.2 * speed))) + digest[2 + epoch % 8] / 5000


@dataclass
class Driven:
    """A simulated study: its log, its state, and every move in the order in which it was made."""

    created: StudyCreated
    log: list[Logged] = field(default_factory=list)
    state: StudyState = field(default_factory=StudyState)
    moves: list[tuple[int, Move]] = field(default_factory=list)

    def append(self, event: Event) -> None:
        entry = Logged(self.state.seq + 1, 0.0, event)
        self.log.append(entry)
        self.state.apply(entry)

    @property
    def workers(self) -> int:
        return self.created.workers


def created_for(
    space: Space, plan: Plan, algorithm: str, *, seed: int = 0, workers: int = 1, base: Values | None = None
) -> StudyCreated:
    return StudyCreated(
        study="s",
        name="s",
        space=space,
        base=base or {},
        plan=plan,
        seed=seed,
        algorithm=algorithm,
        backend="inline",
        workers=workers,
    )


def drive(
    created: StudyCreated,
    *,
    curve: Curve = hashed_curve,
    order: int = 0,
    p_fail: float = 0.0,
    p_stop: float = 0.0,
    p_nan: float = 0.0,
) -> Driven:
    """Run the study to its end. `order` seeds which running trial ends first and what goes wrong."""
    rng = np.random.default_rng(order)
    study = Driven(created)
    study.append(created)
    algorithm = make_algorithm(created)
    most = 4 * created.plan.trials * len(created.plan.rungs) + 8
    while True:
        while len(study.state.running) < created.workers:
            move = algorithm.next(study.state)
            if move is None:
                break
            study.moves.append((study.state.seq, move))
            assert len(study.moves) <= most, "the search does not end"
            start(study, move)
        if not study.state.running:
            return study
        segment = sorted(study.state.running)[rng.integers(len(study.state.running))]
        finish(study, segment, curve, rng, p_fail=p_fail, p_stop=p_stop, p_nan=p_nan)


def start(study: Driven, move: Move) -> None:
    if isinstance(move, NewTrial):
        trial = len(study.state.trials)
        study.append(move.suggested(trial))
    else:
        trial = move.trial
    study.append(
        SegmentStarted(
            segment=study.state.segments + 1,
            trial=trial,
            from_epoch=study.state.trials[trial].epoch,
            to_epoch=move.to_epoch,
            reason=move.reason,
        )
    )


def finish(
    study: Driven,
    segment: int,
    curve: Curve,
    rng: np.random.Generator,
    *,
    p_fail: float,
    p_stop: float,
    p_nan: float,
) -> None:
    running = study.state.running[segment]
    trial = study.state.trials[running.trial]
    failed, stopped, broken = rng.random(3) < (p_fail, p_stop, p_nan)
    if stopped:
        study.append(CommandGiven(command=CommandKind.TRIAL_STOP, trial=trial.id, by="test"))
    last = running.to_epoch - 1 if failed else running.to_epoch
    for epoch in range(running.from_epoch + 1, last + 1):
        value = float("nan") if broken else curve(trial.values, epoch)
        metrics = value if isinstance(value, dict) else {"mAP": value}
        study.append(EpochReported(trial=trial.id, segment=segment, epoch=epoch, metrics=metrics))
        if epoch in study.created.plan.rungs:
            path, digest = f"{trial.id}/{epoch}", "0" * 64
            study.append(CheckpointSaved(trial=trial.id, segment=segment, epoch=epoch, path=path, sha256=digest))
    study.append(
        SegmentEnded(
            segment=segment,
            trial=trial.id,
            outcome=OutcomeKind.FAILED if failed else OutcomeKind.COMPLETED,
            failure=FailureKind.DIVERGED if failed else None,
            final=bool(failed),
        )
    )
