from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from orchestrator.events import (
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Limits,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentPlaced,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
    event_from_json,
    event_to_json,
)
from orchestrator.search import make_plan
from orchestrator.trial.kinds import FailureKind
from search_spaces.model import Choice, Float, Int, Space

SPACE = Space(
    name="s",
    parameters={
        "SOLVER.BASE_LR": Float(low=1e-5, high=1e-2, log=True),
        "DATALOADER.NUM_INSTANCE": Choice(values=(2, 4, 8)),
        "INPUT.SIZE_TRAIN": Choice(values=([128, 64], [256, 128])),
        "N": Int(low=1, high=9, step=2, when={"DATALOADER.NUM_INSTANCE": [2, 4]}),
    },
    constraints=("N > 0",),
)
EVENTS: list[Event] = [
    StudyCreated(
        study="id",
        name="n",
        space=SPACE,
        base={"SOLVER.BASE_LR": 3.5e-4, "INPUT.SIZE_TRAIN": [256, 128], "X": None, "Y": True},
        plan=make_plan(60, 7, 3, 12),
        seed=7,
        algorithm="bohb",
        backend="inline",
        workers=2,
        versions={"torch": "2.13"},
    ),
    ControllerStarted(owner="a", token=3, workers=2),
    TrialSuggested(trial=0, values={"SOLVER.BASE_LR": 0.1}, origin=Origin.MODEL, reason="é ✓", bracket=1, to_epoch=7),
    SegmentStarted(segment=1, trial=0, from_epoch=0, to_epoch=7, attempt=2, reason="r"),
    SegmentPlaced(segment=1, trial=0, worker="north:17"),
    EpochReported(trial=0, segment=1, epoch=1, metrics={"mAP": 0.1 + 0.2, "loss": 1e-300}),
    CheckpointSaved(trial=0, segment=1, epoch=1, path="p", sha256="0" * 64),
    SegmentEnded(
        segment=1, trial=0, outcome=OutcomeKind.FAILED, failure=FailureKind.LOST, message="m", final=True, seconds=1.5
    ),
    CommandGiven(command=CommandKind.TRIAL_RETRY, trial=0, by="cli"),
    StudyEnded(status=StudyStatus.COMPLETED, reason="done"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_json(event: Event) -> None:
    text = event_to_json(event)

    assert event_from_json(text) == event
    assert event_to_json(event_from_json(text)) == text
    assert "\n" not in text
    assert json.loads(text)["kind"] == event.kind


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_no_number_survives_json(value: float) -> None:
    """A diverged loss must not make the log unreadable."""
    event = EpochReported(trial=0, segment=1, epoch=1, metrics={"loss": value})
    read = event_from_json(event_to_json(event))

    assert isinstance(read, EpochReported)
    assert repr(read.metrics["loss"]) == repr(value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("field", ["gpu_hours", "wall_seconds"])
def test_a_limit_is_a_finite_number(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        Limits.model_validate({field: value})


@pytest.mark.parametrize("text", ["{}", "", "[]", '{"kind": "guess"}', '{"kind": "study_ended"}'])
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        event_from_json(text)


def test_an_unknown_field_is_refused() -> None:
    entry = json.loads(event_to_json(EVENTS[1]))

    with pytest.raises(ValidationError):
        event_from_json(json.dumps({**entry, "colour": "red"}))


def test_events_are_frozen() -> None:
    with pytest.raises(ValidationError):
        EVENTS[1].token = 4
