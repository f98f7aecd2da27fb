"""What MLflow hears of a study with several objectives or constraints."""

from __future__ import annotations

import json

from test_tracking_translation import _created, _report, _suggested, _translated

from orchestrator.events import Event, StudyCreated, StudyEnded, StudyStatus
from orchestrator.tracking.changes import RunChange
from orchestrator.tracking.translation import Translation
from search_spaces.model import Objective

BOTH = (Objective(), Objective.model_validate("latency_ms"))


def limited(*constraints: str) -> StudyCreated:
    created = _created()
    return created.model_copy(update={"space": created.space.model_copy(update={"constraints": constraints})})


def parent(created: StudyCreated, *events: Event) -> RunChange:
    translation: Translation = _translated(_suggested(1, 0.1), _suggested(2, 0.2), *events, created=created)
    return translation.changes[None]


def points(change: RunChange, key: str) -> list[float]:
    return [point.value for point in change.points if point.key == key]


def test_front_and_hypervolume_follow_each_rung() -> None:
    first, second = _report(1, 1, mAP=0.5, latency_ms=8.0), _report(2, 1, mAP=0.25, latency_ms=4.0)
    change = parent(_created(*BOTH), first, second, StudyEnded(status=StudyStatus.COMPLETED))

    assert points(change, "front_size") == [1, 2]
    assert points(change, "hypervolume") == [0.25, 0.25 + 0.25 * 0.25]
    assert points(change, "best_latency_ms") == [8.0, 4.0]
    assert change.tags["reid_tune.front"] == "1, 2"
    assert [one["trial"] for one in json.loads(change.texts["best/front.json"])] == [1, 2]


def test_the_best_is_the_best_of_what_satisfies_the_constraints() -> None:
    slow, quick = _report(1, 1, mAP=0.9, latency_ms=8.0), _report(2, 1, mAP=0.25, latency_ms=4.0)
    change = parent(limited("latency_ms <= 5"), slow, quick, StudyEnded(status=StudyStatus.COMPLETED))

    assert points(change, "best_mAP") == [0.25]
    assert change.tags["reid_tune.best_trial"] == "2"


def test_one_objective_tells_no_front() -> None:
    change = parent(_created(), _report(1, 1, mAP=0.9), StudyEnded(status=StudyStatus.COMPLETED))

    assert not points(change, "hypervolume") + points(change, "front_size")
    assert "best/front.json" not in change.texts
