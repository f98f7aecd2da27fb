"""Studies made by hand whose values are a known function of their parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from orchestrator.events import Origin, StudyCreated, StudyState, TrialState, TrialStatus
from orchestrator.search.plan import make_plan
from orchestrator.service.analysis.evidence import Evidence
from reid_core.config import Values
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Goal, Int, Objective, Space
from search_spaces.sampling import sample

SPACE = Space(
    name="known",
    parameters={
        "LR": Float(low=1e-5, high=1e-1, log=True),
        "WIDTH": Int(low=1, high=8),
        "KIND": Choice(values=("a", "b", "c")),
        "MARGIN": Float(low=0.0, high=1.0, when={"KIND": "a"}),
    },
)


def place(space: Space, name: str, values: Values) -> float:
    """The coordinate of a parameter's value."""
    encoder = Encoder(space, {})
    return float(encoder.encode(values)[encoder.names.index(name)])


def rises_with_lr(values: Values) -> float:
    return 0.2 + 0.5 * place(SPACE, "LR", values)


def study(
    value: Callable[[Values], float],
    trials: int,
    *,
    space: Space = SPACE,
    goal: Goal = Goal.MAXIMIZE,
    metric: str = "mAP",
    failed: Sequence[int] = (),
    resting: int = 0,
    noise: float = 0.0,
    values: Callable[[int], Values] | None = None,
) -> StudyState:
    """A study of `trials` full runs over 27 epochs; the first `resting` rest at epoch 9, 70 % of the way."""
    space = space.model_copy(update={"objective": (Objective(metric=metric, goal=goal),)})
    plan = make_plan(27, 3, 3, max(trials, 1))
    created = StudyCreated(
        study="s", name="known", space=space, base={}, plan=plan, seed=3, algorithm="freeze-thaw", backend="inline",
        workers=1,
    )  # fmt: skip
    state = StudyState(created=created, seq=trials)
    rng = np.random.default_rng(5)
    for number in range(1, trials + 1):
        drawn = sample(space, {}, np.random.default_rng(number)) if values is None else values(number)
        end = 9 if number <= resting else 27
        reached = value(drawn) + noise * float(rng.standard_normal())
        curve = {epoch: {metric: reached * (0.4 + 0.1 * (epoch // 3 if epoch < 27 else 6))} for epoch in (3, 9, 27)}
        state.trials[number] = TrialState(
            id=number, values=drawn, origin=Origin.RANDOM, reason="drawn", bracket=0, to_epoch=end, epoch=end,
            status=TrialStatus.RESTING if end < 27 else TrialStatus.COMPLETED,
            history={epoch: metrics for epoch, metrics in curve.items() if epoch <= end},
        )  # fmt: skip
        if number in failed:
            state.trials[number].status = TrialStatus.FAILED
            state.trials[number].history = {}
            state.trials[number].epoch = 0
            state.trials[number].to_epoch = 3
    return state


def evidence(*args: object, **options: object) -> Evidence:
    return Evidence.of(study(*args, **options))  # type: ignore[arg-type]
