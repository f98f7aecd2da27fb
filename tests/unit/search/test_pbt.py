"""Who is replaced by whom: quarters counted by hand."""

from __future__ import annotations

import math

import pytest

from orchestrator.events import Checkpoint, Limits, Origin, StudyCreated, StudyState, TrialState, TrialStatus
from orchestrator.search import Advance, NewTrial, make_algorithm
from orchestrator.search.limits import within_epochs
from orchestrator.search.pbt import PBT, epochs_to_go_on_from
from orchestrator.search.plan import even_rungs, population_plan
from reid_core.errors import SpaceError
from search_spaces.model import Float, Space

SPACE = Space(name="s", parameters={"LR": Float(low=1e-5, high=1.0, log=True)})
EIGHT = {number: number / 10 for number in range(1, 9)}  # trial 8 is the best


def created(members=8, max_epochs=8, space=SPACE, seed=3, **more) -> StudyCreated:
    return StudyCreated(
        study="s",
        name="s",
        space=space,
        base={},
        plan=population_plan(max_epochs, max_epochs // 4, 3, members),
        seed=seed,
        algorithm=PBT,
        backend="inline",
        workers=1,
        **more,
    )


def member(number, curve, **changes) -> TrialState:
    """Rests on its last epoch, which is its rung; one without a value there failed on its way to epoch 2."""
    history = {epoch: {"mAP": value} for epoch, value in curve.items()}
    last = max(curve, default=changes.get("from_epoch", 0))
    made = TrialState(
        id=number,
        values={"LR": number / 100},
        origin=Origin.RANDOM,
        reason="",
        bracket=0,
        to_epoch=last if curve else 2,
        status=TrialStatus.RESTING if curve else TrialStatus.FAILED,
        epoch=last,
        history=history,
        checkpoint=Checkpoint(f"{number}/{last}", last, "") if curve else None,
        rung_checkpoints={epoch: Checkpoint(f"{number}/{epoch}", epoch, "") for epoch in curve},
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def population(values=EIGHT, **of) -> dict[int, TrialState]:
    """All rest on epoch 2 with these values; `of` t3 = a dict changes trial 3."""
    return {number: member(number, {2: value}, **of.get(f"t{number}", {})) for number, value in values.items()}


def ask(trials, study=None):
    return make_algorithm(study or created()).next(StudyState(created=study or created(), trials=trials))


def gone_on(*numbers) -> dict[str, dict[str, object]]:
    return {f"t{number}": {"to_epoch": 4, "status": TrialStatus.RUNNING} for number in numbers}


def test_the_population_is_opened_first_and_every_founder_differs():
    trials: dict[int, TrialState] = {}
    for number in range(1, 9):
        move = ask(trials)
        assert isinstance(move, NewTrial)
        assert (move.parent, move.to_epoch, move.from_epoch) == (None, 2, 0)
        trials[number] = member(number, {2: 0.1}, values=move.values)
    assert len({one.values["LR"] for one in trials.values()}) == 8
    assert isinstance(ask(trials), Advance)


def test_the_best_of_the_rung_goes_on_first():
    move = ask(population())
    assert isinstance(move, Advance)
    assert (move.trial, move.to_epoch) == (8, 4)
    assert move.reason == "goes on with mAP 0.800, number 1 of 8 at epoch 2"


def test_of_eight_the_worst_two_are_replaced_from_the_best_two():
    """Bottom quarter: 1 and 2. Top quarter: 8 and 7, already on their way."""
    trials = population(**gone_on(3, 4, 5, 6, 7, 8))
    move = ask(trials)
    assert isinstance(move, NewTrial)
    assert move.replaces == 2
    assert move.parent in {7, 8}
    assert (move.origin, move.from_epoch, move.to_epoch) == (Origin.FORK, 2, 4)
    assert round(move.values["LR"] / move.parent * 100, 6) in {0.8, 1.2}
    value, place = move.parent / 10, 9 - move.parent
    factor = "1.2" if move.values["LR"] > move.parent / 100 else "0.8"
    assert move.reason == (
        f"goes on from trial {move.parent} (mAP {value:.3f}, number {place} of 8 at epoch 2) with LR x {factor},"
        " in the place of trial 2 (mAP 0.200)"
    )


def test_the_third_from_the_bottom_goes_on():
    move = ask(population(**gone_on(4, 5, 6, 7, 8)))
    assert isinstance(move, Advance)
    assert move.trial == 3


def test_both_of_the_top_quarter_are_drawn():
    parents = set()
    for seed in range(12):
        move = ask(population(**gone_on(3, 4, 5, 6, 7, 8)), created(seed=seed))
        assert isinstance(move, NewTrial)
        parents.add(move.parent)
    assert parents == {7, 8}


def test_a_replaced_member_rests_for_good():
    trials = population(**gone_on(3, 4, 5, 6, 7, 8))
    fork = {"parent": 8, "from_epoch": 2, "to_epoch": 4, "status": TrialStatus.RUNNING}
    trials[9] = member(9, {}, replaces=2, **fork)
    trials[10] = member(10, {}, replaces=1, **fork)
    assert ask(trials) is None


def test_two_forks_of_one_parent_differ():
    space = Space(name="s", parameters={"K": Float(low=0.0, high=1.0, step=0.5)})
    trials = population(**gone_on(3, 4, 5, 6, 7, 8))
    for one in trials.values():
        one.values = {"K": 0.5}
    for seed in range(6):
        study = created(seed=seed, space=space)
        first = ask(trials, study)
        fork = {"parent": first.parent, "from_epoch": 2, "values": first.values, "status": TrialStatus.RUNNING}
        second = ask(trials | {9: member(9, {}, replaces=2, **fork | {"to_epoch": 4})}, study)
        assert second.replaces == 1
        assert (second.parent, second.values) != (first.parent, first.values)


def test_before_half_of_the_population_has_come_nobody_is_replaced_and_nobody_waits():
    """Three of eight are on the rung; five are out."""
    trials = population()
    for number in range(4, 9):
        trials[number] = member(number, {1: 0.5}, to_epoch=2, status=TrialStatus.RUNNING, rung_checkpoints={})
    moves = []
    for _ in range(3):
        move = ask(trials)
        assert isinstance(move, Advance)
        moves.append(move.trial)
        trials[move.trial].to_epoch, trials[move.trial].status = 4, TrialStatus.RUNNING
    assert moves == [3, 2, 1]


def test_with_half_of_it_there_a_late_one_is_judged_by_those():
    """Of four that reported, one is the bottom quarter: trial 1, and the top quarter is trial 4."""
    trials = population(**gone_on(2, 3, 4))
    for number in range(5, 9):
        trials[number] = member(number, {1: 0.5}, to_epoch=2, status=TrialStatus.RUNNING, rung_checkpoints={})
    move = ask(trials)
    assert isinstance(move, NewTrial)
    assert (move.replaces, move.parent) == (1, 4)


def test_the_furthest_behind_is_asked_first():
    trials = {number: member(number, {2: 0.5, 4: number / 10}) for number in range(2, 9)}
    trials[1] = member(1, {2: 0.6})
    assert ask(trials) == Advance(1, 4, "goes on with mAP 0.600, number 1 of 8 at epoch 2")


def test_a_failed_member_is_replaced_although_two_are_worse_off():
    """Three failed: the bottom quarter has room for two, but none of the three can go on."""
    trials = population({4: 0.4, 5: 0.5, 6: 0.6, 7: 0.7, 8: 0.8}, **gone_on(4, 5, 6, 7, 8))
    trials |= {number: member(number, {}) for number in (1, 2, 3)}
    for number in (1, 2, 3):
        move = ask(trials)
        assert isinstance(move, NewTrial)
        assert move.replaces == number
        assert move.reason.endswith(f"in the place of trial {number} (failed)")
        fork = {"parent": move.parent, "values": move.values, "to_epoch": 4, "status": TrialStatus.RUNNING}
        trials[8 + number] = member(8 + number, {}, from_epoch=2, replaces=number, **fork)
    assert ask(trials) is None


def test_nobody_goes_on_from_a_failed_stopped_or_lost_member():
    """8 failed later, 7 was stopped: the top quarter of the seven others is trial 6 alone. Then 6 lost its file."""
    changes = gone_on(3, 4, 5, 6) | {
        "t7": {"status": TrialStatus.STOPPED},
        "t8": {"status": TrialStatus.FAILED, "to_epoch": 4},
    }
    trials = population(EIGHT, **changes)
    # on rung 2: 8 .8, 6 .6, ... 1 .1; seven, a quarter of which is one: 8, which nobody can go on from
    assert ask(trials) == Advance(2, 4, "goes on with mAP 0.200, number 6 of 7 at epoch 2")
    trials[8].status, trials[8].to_epoch = TrialStatus.RUNNING, 4
    trials[2].status, trials[2].to_epoch = TrialStatus.RUNNING, 4
    assert ask(trials).parent == 8
    trials[8].rung_checkpoints.clear()
    assert isinstance(ask(trials), Advance)


def test_a_member_without_a_value_never_goes_on():
    trials = population({**EIGHT, 8: math.nan}, **gone_on(3, 4, 5, 6, 7))
    assert [ask(trials).trial, ask(trials).to_epoch] == [2, 4]
    trials[2].to_epoch, trials[2].status = 4, TrialStatus.RUNNING
    assert ask(trials).replaces == 1
    del trials[1]
    trials[9] = member(9, {2: 0.1}, to_epoch=4, status=TrialStatus.RUNNING)
    assert ask(trials).replaces == 8
    alone = {number: member(number, {2: math.nan}) for number in range(1, 9)}
    assert ask(alone) is None


def test_a_fork_is_compared_on_the_rungs_that_it_reported_alone():
    """The fork stands on epoch 2 without a report there: four reported it, and a quarter of four is one."""
    trials = population({number: number / 10 for number in range(1, 5)}, **gone_on(2, 3, 4))
    study = created(members=4)
    fork = {"parent": 4, "from_epoch": 2, "to_epoch": 4, "replaces": 1, "status": TrialStatus.RUNNING}
    assert ask(trials, study).replaces == 1
    trials[5] = member(5, {}, **fork)
    assert ask(trials, study) is None
    for number in (2, 3, 4):
        trials[number] = member(number, {2: number / 10, 4: number / 10})
    trials[5] = member(5, {4: 0.9}, parent=4, from_epoch=2, replaces=1)
    assert ask(trials, study) == Advance(5, 6, "goes on with mAP 0.900, number 1 of 4 at epoch 4")


def test_lower_is_better_when_the_objective_is_minimised():
    space = Space(name="s", objective=({"metric": "loss"},), parameters=SPACE.parameters)
    trials = population(**gone_on(1, 2, 3, 4, 5, 6))
    for one in trials.values():
        one.history = {2: {"loss": one.history[2]["mAP"]}}
    move = ask(trials, created(space=space))
    assert move.replaces == 7
    assert move.parent in {1, 2}


@pytest.mark.parametrize(
    ("max_epochs", "min_epochs", "rungs"),
    [
        (60, 7, (10, 20, 30, 40, 50, 60)),
        (60, 1, tuple(range(6, 61, 6))),
        (9, 1, tuple(range(1, 10))),
        (11, 1, (1, 3, 4, 6, 7, 8, 10, 11)),
        (4, 1, (1, 2, 3, 4)),
        (60, 25, (30, 60)),
        (5, 5, (5,)),
    ],
)
def test_rungs_are_even_and_at_least_min_epochs_apart(max_epochs, min_epochs, rungs):
    assert even_rungs(max_epochs, min_epochs) == rungs


def test_a_population_costs_one_full_run_a_place():
    plan = population_plan(60, 7, 3, 12)
    assert (plan.trials, plan.epochs) == (12, 720)
    with pytest.raises(SpaceError, match="a population of 3 has no best and no worst quarter"):
        population_plan(60, 7, 3, 3)
    with pytest.raises(SpaceError, match="no rung below the last"):
        population_plan(60, 31, 3, 8)


def test_a_rungs_checkpoints_are_needed_until_every_place_has_gone_beyond_it():
    study = created(members=4)
    trials = {number: member(number, {2: number / 10, 4: 0.1, 6: 0.1}) for number in (2, 3, 4)}
    trials[1] = member(1, {2: 0.1, 4: 0.1})

    def needed():
        return epochs_to_go_on_from(StudyState(created=study, trials=trials))

    assert needed() == {1: {4}, 2: {4, 6}, 3: {4, 6}, 4: {4, 6}}
    trials[5] = member(5, {}, parent=2, from_epoch=4, to_epoch=6, replaces=1, status=TrialStatus.RUNNING)
    assert needed() == {1: set(), 2: {4, 6}, 3: {6}, 4: {6}, 5: set()}, "the fork has no checkpoint of its own yet"
    trials[5].checkpoint = Checkpoint("5/5", 5, "")
    assert needed() == {1: set(), 2: {6}, 3: {6}, 4: {6}, 5: set()}


def test_other_searches_need_no_checkpoint_but_the_newest():
    trials = population()
    assert (
        epochs_to_go_on_from(StudyState(created=created().model_copy(update={"algorithm": "bohb"}), trials=trials))
        == {}
    )


def test_a_limit_of_epochs_sends_nobody_on_whose_place_is_taken():
    """Trial 1 got further than trial 3 and would be next, but its fork, trial 2, has failed in its place."""
    trials = {1: member(1, {2: 0.9, 4: 0.9}), 3: member(3, {2: 0.1})}
    trials[2] = member(2, {}, parent=3, from_epoch=4, to_epoch=6, replaces=1)
    state = StudyState(created=created(), trials=trials, epochs_spent=6)
    too_long = NewTrial({"LR": 0.1}, Origin.RANDOM, "", 0, 8)
    move = within_epochs(state, too_long, Limits(epochs=8))
    assert isinstance(move, Advance)
    assert (move.trial, move.to_epoch) == (3, 4)
