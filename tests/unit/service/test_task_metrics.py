"""A study of another task, whose package is not installed any more: everything is told by its own measures."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from orchestrator.cli.live import trials_table
from orchestrator.cli.study_report import sheet_of
from orchestrator.events import (
    EpochReported,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyStatus,
    TrialSuggested,
    fold,
)
from orchestrator.events.aims import Aims
from orchestrator.events.log import event_from_json, event_to_json
from orchestrator.search import full_runs
from orchestrator.service import progress
from orchestrator.service.analysis.evidence import Evidence
from orchestrator.service.board import board_of
from orchestrator.service.narrate import narrate
from orchestrator.service.report import report_of
from orchestrator.service.views import StepsView
from orchestrator.service.views_of import study_detail, study_summary, trial_row
from reid_core.errors import UsageError
from reid_core.tasks.card import Measure
from reid_core.tasks.cards import cards
from search_spaces.measures import Measures
from search_spaces.model import Float, Objective, Space

COUNTING = Measures(
    task="counting",
    own={"exact": Measure("exact count"), "miscount": Measure("mean error", fraction=False, lower_is_better=True)},
    best="exact",
    shown=("exact", "miscount"),
)


def study(*metrics: str):
    space = Space(
        name="dots",
        objective=tuple(Objective(metric=name).settled(COUNTING) for name in metrics),
        parameters={"lr": Float(low=0.0, high=1.0)},
        measures=COUNTING,
    )
    created = StudyCreated(
        study="s", name="dots", space=space, base={"lr": 0.1, "TASK.NAME": "counting"}, plan=full_runs(1, 2, 2),
        seed=0, algorithm="random", backend="inline", workers=1, data="9 pictures",
    )  # fmt: skip
    events = [created]
    for trial, (exact, miscount) in enumerate([(0.55, 3.0), (0.931, 0.25)], 1):
        told = {"exact": exact, "miscount": miscount, "loss": 1.25, "lr": 0.1}
        events += [
            TrialSuggested(
                trial=trial, values={"lr": 0.1 * trial}, origin=Origin.DEFAULT if trial == 1 else Origin.RANDOM,
                reason="r", bracket=0, to_epoch=1,
            ),
            SegmentStarted(segment=trial, trial=trial, from_epoch=0, to_epoch=1),
            EpochReported(trial=trial, segment=trial, epoch=1, metrics=told),
            SegmentEnded(segment=trial, trial=trial, outcome=OutcomeKind.COMPLETED),
        ]  # fmt: skip
    kept = [event_from_json(event_to_json(event)) for event in events]
    return [Logged(seq, float(seq), event) for seq, event in enumerate(kept, 1)]


def test_its_task_is_not_installed():
    assert "counting" not in cards()


def test_a_line_of_the_story_has_its_metrics():
    log = study("exact")
    created = log[0].event
    assert narrate(log[7], created.space.measures).text == "epoch 1: exact 93.1, miscount 0.25, loss 1.250"


def test_the_report_says_which_columns_are_in_percent():
    sheet = sheet_of(report_of(fold(study("exact")), StudyStatus.COMPLETED))
    assert sheet.columns == ("trial", "origin", "epoch", "lr", "exact count, %", "mean error")
    assert sheet.rows[0] == ("2", "random", "1", "0.2", "93.1", "0.25")
    assert sheet.notes[0] == "In percent where a column says %."


def test_a_report_of_a_metric_that_it_has_not_is_refused():
    with pytest.raises(UsageError) as refused:
        report_of(fold(study("exact")), StudyStatus.COMPLETED, ["mAP"])
    assert "exact, miscount, loss" in refused.value.hint


def test_the_live_table_has_its_columns():
    out = Console(file=io.StringIO(), width=120)
    out.print(trials_table(fold(study("exact"))))
    text = out.file.getvalue()
    assert "exact count" in text
    assert "93.1" in text
    assert "mAP" not in text


def test_an_error_is_better_the_lower_it_is():
    state = fold(study("miscount"))
    assert progress.best(state).trial == 2
    assert progress.best(state).gain == pytest.approx(-2.75)
    assert study_summary(state).measures == COUNTING


def test_the_front_of_a_fraction_and_an_error_has_a_hypervolume():
    """Fractions reach from 0 to 1, the error from twice the first trial's 3.0 to 0."""
    state = fold(study("exact", "miscount"))
    tally = state.front.count(state.trials.values(), Aims.of(state.created), {1})
    assert tally.hypervolume() == pytest.approx(0.931 * (6.0 - 0.25) / 6.0)


def test_the_analysis_knows_which_objective_is_a_fraction():
    state = fold(study("exact", "miscount"))
    assert Evidence.of(state, 0).fraction
    assert not Evidence.of(state, 1).fraction


def test_the_page_gets_its_metrics_by_trial():
    state = fold(study("exact"))
    rows = tuple(trial_row(state, trial, None) for trial in state.trials.values())
    detail = study_detail(state, study_summary(state), rows, directory="", mlflow="")
    board = board_of(state, detail, StepsView())
    assert board.trials.metrics == {"exact": (0.55, 0.931), "miscount": (3.0, 0.25)}
