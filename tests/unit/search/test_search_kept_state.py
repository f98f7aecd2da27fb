"""What an algorithm keeps between two questions changes no answer: a new one, told the same log, answers alike."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.events import (
    Logged,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyState,
    TrialState,
    TrialStatus,
    TrialSuggested,
)
from orchestrator.events.log import CommandGiven, CommandKind, EpochReported, Event
from orchestrator.search import NewTrial, make_algorithm, make_plan
from orchestrator.search.score import WORST, value_at
from orchestrator.search.table import TrialTable
from orchestrator.trial.kinds import FailureKind
from search_spaces.encoding import Encoder
from search_spaces.model import Choice, Float, Int, Objective, Space

RUNGS = (2, 4, 8)
MAP = (Objective(),)


def _ended(trial: int, segment: int, outcome: OutcomeKind) -> Event:
    failure = FailureKind.DIVERGED if outcome is OutcomeKind.FAILED else None
    return SegmentEnded(segment=segment, trial=trial, outcome=outcome, failure=failure, final=True)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["bohb", "freeze-thaw"])
def test_an_algorithm_that_was_asked_all_along_decides_as_one_that_was_not(created, algorithm) -> None:
    """A study of three slots in which trials fail, are stopped and diverge, asked move by move."""
    study = created(make_plan(8, 2, 2, 24), algorithm, base={"LR": 0.1, "KIND": "a", "MARGIN": 0.3})
    rng = np.random.default_rng(1)
    state, kept = StudyState(), make_algorithm(study)
    out: list[tuple[int, int, int]] = []
    segment = moves = 0

    def tell(*events: Event) -> None:
        for event in events:
            state.apply(Logged(state.seq + 1, 0.0, event))

    tell(study)
    while True:
        move = kept.next(state) if len(out) < 3 else None
        if len(out) < 3 and segment % 3 == 2:
            assert repr(move) == repr(make_algorithm(study).next(state))
        if move is not None:
            moves, segment = moves + 1, segment + 1
            trial = len(state.trials) + 1 if isinstance(move, NewTrial) else move.trial
            if isinstance(move, NewTrial):
                place = {"bracket": move.bracket, "to_epoch": move.to_epoch}
                tell(TrialSuggested(trial=trial, values=move.values, origin=move.origin, reason="", **place))
            begun = state.trials[trial].epoch
            tell(SegmentStarted(segment=segment, trial=trial, from_epoch=begun, to_epoch=move.to_epoch))
            out.append((segment, trial, move.to_epoch))
            continue
        if not out:
            break
        done, trial, to_epoch = out.pop(int(rng.integers(len(out))))
        score = float("nan") if rng.random() < 0.05 else float(rng.random())
        for epoch in range(state.trials[trial].epoch + 1, to_epoch + 1):
            tell(EpochReported(trial=trial, segment=done, epoch=epoch, metrics={"mAP": score * epoch / 8}))
        if rng.random() < 0.1:
            tell(CommandGiven(command=CommandKind.TRIAL_STOP, trial=trial))
        tell(_ended(trial, done, OutcomeKind.FAILED if rng.random() < 0.1 else OutcomeKind.COMPLETED))
    assert moves > 24


def _forecast(trials: list[TrialState]) -> dict[int, float]:
    """The definition, trial by trial."""
    ladders = {t.id: [value_at(t, rung, MAP) for rung in RUNGS if t.epoch >= rung] for t in trials}
    medians = []
    for level in range(len(RUNGS) - 1):
        pairs = [(x[level], x[level + 1]) for x in ladders.values() if len(x) > level + 1]
        gains = [after - before for before, after in pairs if before > WORST and after > WORST]
        medians.append(float(np.median(gains)) if gains else 0.0)
    scores = {}
    for each in trials:
        values = ladders[each.id]
        if each.status is TrialStatus.FAILED or WORST in values:
            scores[each.id] = WORST
        elif values:
            scores[each.id] = values[-1] + sum(medians[len(values) - 1 :])
    return scores


def test_a_table_follows_its_trials_as_they_grow_and_change(trial) -> None:
    rng = np.random.default_rng(0)
    table, trials = TrialTable(RUNGS, MAP), []
    for number in range(60):
        trials.append(trial(number + 1, to_epoch=2))
        changed = trials[int(rng.integers(len(trials)))]
        for epoch in range(changed.epoch + 1, min(8, changed.epoch + int(rng.integers(1, 5))) + 1):
            changed.history[epoch] = {"mAP": float(rng.random())} if rng.random() > 0.05 else {}
            changed.epoch = epoch
        if rng.random() < 0.2:
            changed.status = TrialStatus.FAILED
        rows, scores = table.read(trials).forecast()
        expected = _forecast(trials)
        assert dict(zip(table.ids[rows].tolist(), scores.tolist(), strict=True)) == expected
        first = sorted(expected, key=lambda each: (-expected[each], each))
        assert table.ids[table.best_first(rows, scores)].tolist() == first


def test_a_table_given_other_trials_forgets_those_before(trial) -> None:
    table = TrialTable(RUNGS, MAP)
    table.read([trial(1, {2: 0.5}), trial(2, {2: 0.7})])
    assert table.read([trial(3, {2: 0.9})]).last.tolist() == [0.9]
    assert table.ids.tolist() == [3]


def test_points_are_settled_as_their_configurations_are_encoded() -> None:
    space = Space(
        name="deep",
        parameters={
            "INNER": Float(low=0.0, high=1.0, when={"WHICH": ["b", "c"], "OUTSIDE": 1}),
            "WHICH": Choice(values=("a", "b", "c"), when={"ON": True}),
            "ON": Choice(values=(True, False)),
            "NEVER": Float(low=0.0, high=1.0, when={"MISSING": 1}),
            "SIZES": Choice(values=([1, 2], [3]), ordered=True),
            "COUNT": Int(low=1, high=64, log=True),
            "RATE": Float(low=1e-5, high=1e-1, log=True),
        },
    )
    encoder = Encoder(space, {"OUTSIDE": 1.0})
    points = encoder.from_unit(np.random.default_rng(0).random((200, encoder.dims)))
    one_by_one = encoder.encode_many([encoder.decode(point) for point in points])
    np.testing.assert_array_equal(encoder.settled(points), one_by_one)
    assert 0 < np.isnan(one_by_one[:, 0]).sum() < len(points)


def test_plans_without_trials_have_empty_tables() -> None:
    table = TrialTable(RUNGS, MAP).read([])
    assert len(table.forecast()[0]) == 0
    assert table.lifts() == [0.0, 0.0, 0.0]
