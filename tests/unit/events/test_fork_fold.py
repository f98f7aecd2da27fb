"""A fork in the log: where it stands before its first report, and what it costs."""

from __future__ import annotations

from orchestrator.events import (
    CheckpointSaved,
    EpochReported,
    Event,
    Logged,
    Origin,
    SegmentStarted,
    StudyCreated,
    TrialSuggested,
    event_from_json,
    event_to_json,
    fold,
)
from orchestrator.search.plan import population_plan
from orchestrator.search.score import WORST
from orchestrator.search.table import TrialTable
from orchestrator.tracking.translation import Translation
from search_spaces.model import Float, Space

CREATED = StudyCreated(
    study="id",
    name="n",
    space=Space(name="s", parameters={"LR": Float(low=0, high=1)}),
    base={},
    plan=population_plan(6, 2, 3, 4),
    seed=0,
    algorithm="pbt",
    backend="inline",
    workers=2,
)
PARENT = TrialSuggested(trial=1, values={"LR": 0.5}, origin=Origin.RANDOM, reason="r", bracket=0, to_epoch=2)
FORK = TrialSuggested(
    trial=2,
    values={"LR": 0.6},
    origin=Origin.FORK,
    reason="goes on from trial 1",
    bracket=0,
    to_epoch=4,
    parent=1,
    from_epoch=2,
    replaces=3,
)


def reports(trial: int, *epochs: int) -> list[Event]:
    told: list[Event] = [SegmentStarted(segment=trial, trial=trial, from_epoch=epochs[0] - 1, to_epoch=epochs[-1])]
    for epoch in epochs:
        told.append(EpochReported(trial=trial, segment=trial, epoch=epoch, metrics={"mAP": epoch / 10 + trial}))
        path, digest = f"{trial}/{epoch}", "0" * 64
        told.append(CheckpointSaved(trial=trial, segment=trial, epoch=epoch, path=path, sha256=digest))
    return told


def logged(*events: Event) -> list[Logged]:
    return [Logged(seq, 100.0 + seq, event) for seq, event in enumerate((CREATED, *events), start=1)]


def test_a_fork_stands_on_its_parents_epoch_without_a_report_or_checkpoint_of_its_own():
    fork = fold(logged(PARENT, *reports(1, 1, 2), FORK)).trials[2]
    assert (fork.epoch, fork.from_epoch, fork.parent, fork.replaces) == (2, 2, 1, 3)
    assert (fork.history, fork.metrics, fork.checkpoint) == ({}, {}, None)


def test_a_fork_pays_for_its_own_epochs_alone():
    assert fold(logged(PARENT, *reports(1, 1, 2), FORK, *reports(2, 3, 4))).epochs_spent == 4


def test_checkpoints_on_rungs_are_remembered_for_forks():
    trial = fold(logged(PARENT, *reports(1, 1, 2, 3, 4))).trials[1]
    assert trial.checkpoint.epoch == 4
    assert {epoch: one.path for epoch, one in trial.rung_checkpoints.items()} == {2: "1/2", 4: "1/4"}


def test_a_fork_has_reached_only_the_rungs_above_its_beginning():
    state = fold(logged(PARENT, *reports(1, 1, 2, 3, 4), FORK))
    table = TrialTable(CREATED.plan.rungs, CREATED.space.objective).read([state.trials[1], state.trials[2]])
    assert table.reached.tolist() == [[True, True, False], [False, False, False]]
    assert table.ids[table.forecast()[0]].tolist() == [1]
    grown = fold(logged(PARENT, *reports(1, 1, 2, 3, 4), FORK, *reports(2, 3, 4)))
    table.read([grown.trials[1], grown.trials[2]])
    assert table.reached.tolist() == [[True, True, False], [False, True, False]]
    assert table.on_rungs[1].tolist() == [WORST, 2.4, WORST]
    assert table.forecast()[1].tolist() == [1.4, 2.4]


def test_a_fork_survives_the_log_as_json():
    assert event_from_json(event_to_json(FORK)) == FORK


def test_mlflow_hears_whose_checkpoint_a_fork_went_on_from():
    translation = Translation()
    for entry in logged(PARENT, *reports(1, 1, 2), FORK):
        translation.translate(entry)
    tags = translation.changes[2].tags
    assert (tags["reid_tune.origin"], tags["reid_tune.parent"], tags["reid_tune.from_epoch"]) == ("fork", "1", "2")
    assert "reid_tune.parent" not in translation.changes[1].tags
