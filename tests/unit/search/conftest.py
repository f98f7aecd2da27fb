"""States made by hand: trials where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from orchestrator.events import Origin, Plan, StudyCreated, StudyState, TrialState, TrialStatus
from reid_core.config import Values
from search_spaces.model import Choice, Float, Space

MakeTrial = Callable[..., TrialState]
MakeState = Callable[..., StudyState]


@pytest.fixture
def trial() -> MakeTrial:
    """A trial with a curve {epoch: mAP}; it rests on its last epoch unless told otherwise."""

    def make(
        number: int,
        curve: Mapping[int, float] | None = None,
        *,
        bracket: int = 0,
        to_epoch: int | None = None,
        status: TrialStatus | None = None,
        values: Values | None = None,
    ) -> TrialState:
        curve = curve or {}
        epoch = max(curve, default=0)
        target = epoch if to_epoch is None else to_epoch
        return TrialState(
            id=number,
            values=values if values is not None else {"LR": 0.5},
            origin=Origin.RANDOM,
            reason="",
            bracket=bracket,
            to_epoch=target,
            status=status or (TrialStatus.RESTING if epoch == target else TrialStatus.RUNNING),
            epoch=epoch,
            history={at: {"mAP": value} for at, value in curve.items()},
        )

    return make


@pytest.fixture
def state() -> MakeState:
    def make(*trials: TrialState) -> StudyState:
        return StudyState(trials={each.id: each for each in trials})

    return make


@pytest.fixture
def space() -> Space:
    return Space(
        name="small",
        parameters={
            "LR": Float(low=1e-4, high=1.0, log=True),
            "KIND": Choice(values=("a", "b", "c")),
            "MARGIN": Float(low=0.0, high=1.0, when={"KIND": "a"}),
        },
    )


@pytest.fixture
def created(space: Space) -> Callable[..., StudyCreated]:
    def make(
        plan: Plan, algorithm: str, base: Values | None = None, seed: int = 3, space: Space = space
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
            workers=1,
        )

    return make
