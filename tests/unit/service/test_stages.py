"""The configurations that a trial's weights came through."""

from __future__ import annotations

import pytest

from orchestrator.events import Origin, StudyCreated, StudyState, TrialState
from orchestrator.search.plan import population_plan
from orchestrator.service.stages import Stage, stages_of
from search_spaces.model import Float, Space

CREATED = StudyCreated(
    study="id",
    name="n",
    space=Space(name="s", parameters={"LR": Float(low=0, high=1)}),
    base={},
    plan=population_plan(9, 1, 3, 4),
    seed=0,
    algorithm="pbt",
    backend="inline",
    workers=1,
)


def trial(number, parent=None, from_epoch=0) -> TrialState:
    values = {"LR": number / 10}
    return TrialState(number, values, Origin.FORK, "", 0, 9, parent=parent, from_epoch=from_epoch)


STATE = StudyState(created=CREATED, trials={1: trial(1), 2: trial(2, 1, 3), 3: trial(3, 2, 5)})


@pytest.mark.parametrize(
    ("number", "epochs", "expected"),
    [
        (1, 18, [(0.1, 18)]),
        (2, 18, [(0.1, 6), (0.2, 18)]),
        (3, 18, [(0.1, 6), (0.2, 10), (0.3, 18)]),
        (3, 9, [(0.1, 3), (0.2, 5), (0.3, 9)]),
        pytest.param(3, 2, [(0.2, 1), (0.3, 2)], id="a-stage-without-an-epoch-is-left-out"),
        pytest.param(3, 1, [(0.3, 1)], id="no-room-for-stages"),
    ],
)
def test_a_fork_is_its_ancestors_for_their_share_and_then_itself(number, epochs, expected):
    wanted = [Stage({"LR": value}, until) for value, until in expected]
    assert stages_of(STATE, STATE.trials[number], epochs) == wanted
