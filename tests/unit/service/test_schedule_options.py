"""--schedule: checked before any work, laid out as a plan, kept in the study."""

from __future__ import annotations

import pytest

from orchestrator.events import Limits
from orchestrator.search import SCHEDULES, full_runs
from orchestrator.service.given import Given, confirm_epochs
from orchestrator.service.layout import check_options, lay_out, plan_notes, schedule_for
from orchestrator.service.views import StudyRequest
from reid_core.errors import InvalidInput, UsageError
from search_spaces.load import load_space
from search_spaces.model import Budget, Float, Search, Space

TEXT = "name: s\nrecipe: bnneck\nsearch: {SEARCH}\nparameters:\n  SOLVER.BASE_LR: {type: float, low: 0.1, high: 1.0}\n"


def _space(**search) -> Space:
    return Space(
        name="s",
        parameters={"LR": Float(low=0.0, high=1.0)},
        budget=Budget(max_epochs=60, min_epochs=7),
        search=Search(**search),
    )


def _sizes(request: StudyRequest, space: Space, algorithm: str, epochs: int | None = None):
    return [bracket.sizes for bracket in lay_out(request, space, {}, algorithm, epochs).brackets]


def test_the_option_wins_over_the_space_and_the_space_over_the_algorithm() -> None:
    asked, plain = StudyRequest(space="s", schedule="median"), StudyRequest(space="s")
    space = _space(algorithm="tpe", schedule="asha")

    assert _sizes(asked, space, "tpe") == [(12, 12, 12)]
    assert _sizes(plain, space, "tpe") == [(12, 4, 2)]
    assert _sizes(plain, _space(algorithm="tpe"), "tpe") == [(12,)]


def test_an_algorithm_that_takes_none_leaves_the_spaces_schedule_out() -> None:
    space, request = _space(algorithm="tpe", schedule="asha"), StudyRequest(space="s", algorithm="freeze-thaw")

    check_options(request, space, "freeze-thaw")
    assert schedule_for(request, space, "freeze-thaw") == ""
    assert schedule_for(request, space, "bohb") == "asha"


@pytest.mark.parametrize(
    ("algorithm", "schedule", "code"),
    [("tpe", "ash", "unknown-schedule"), ("freeze-thaw", "asha", "schedule-with-whole"), ("pbt", "full", "whole")],
)
def test_a_schedule_that_does_not_fit_is_refused_at_its_option(algorithm: str, schedule: str, code: str) -> None:
    request = StudyRequest(space="s", algorithm=algorithm, schedule=schedule)

    with pytest.raises(InvalidInput, match=rf"--schedule: error\[[a-z-]*{code}\]"):
        check_options(request, _space(), algorithm)


def test_several_objectives_are_refused_by_cma_es() -> None:
    space = _space().model_copy(update={"objective": (*_space().objective, *_space().objective)})

    with pytest.raises(InvalidInput, match=r"--algorithm: error\[one-objective\]"):
        check_options(StudyRequest(space="s", algorithm="cma-es"), space, "cma-es")


def test_a_missing_extra_is_told_with_what_installs_it(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(UsageError, match=r"pip install 'reid-tune\[hpbandster\]'"):
        check_options(StudyRequest(space="s", algorithm="hpbandster"), _space(), "hpbandster")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_epochs_without_trials_are_spent_as_the_schedule_spends_them(schedule: str) -> None:
    request = StudyRequest(space="s", schedule=schedule, epochs=500)
    plan = lay_out(request, _space(), {}, "tpe", 500)

    assert 440 < plan.epochs <= 500


def test_notes_say_what_a_schedule_makes_of_the_plan() -> None:
    request = StudyRequest(space="s", min_epochs=3)

    assert "at most" in plan_notes(request, "tpe", "median")[0]
    assert "--min-epochs has no effect" in plan_notes(request, "random", "")[0]
    assert plan_notes(request, "random", "asha") == ()


def test_a_space_with_an_unknown_schedule_is_refused_where_it_stands() -> None:
    with pytest.raises(InvalidInput, match=r":3:\d+: error\[unknown-schedule\].*did you mean asha"):
        load_space(TEXT.replace("SEARCH", "algorithm: tpe, schedule: ashaa"))


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(target="mAP >= 0.5"), "the target"),
        (Limits(wall_seconds=60.0, gpu_hours=1.0), "the wall time or the GPU-hours"),
        (Limits(epochs=800), "the 800 epochs (the plan and its confirmation take 900)"),
    ],
)
def test_notes_say_which_limits_leave_finalists_unconfirmed(limits: Limits, told: str) -> None:
    request, plan = StudyRequest(space="s", trials=12), full_runs(60, 3, 12)
    notes = plan_notes(request, "random", "", Given(limits=limits, confirm=1), plan)

    assert notes == (f"finalists stay unconfirmed, some or all, where {told} ends the search",)
    assert plan_notes(request, "random", "", Given(limits=limits), plan) == ()
    assert plan_notes(request, "random", "", Given(limits=Limits(epochs=900), confirm=1), plan) == ()


def test_a_plan_laid_out_for_its_epochs_keeps_enough_back_for_confirmation() -> None:
    request, given = StudyRequest(space="s", epochs=500), Given(limits=Limits(epochs=500), confirm=1)
    plan = lay_out(request, _space(), {}, "bohb", 500, confirm_epochs(1, 60))

    assert plan_notes(request, "bohb", "", given, plan) == ()
