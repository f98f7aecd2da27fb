"""The table at the end of a run: winner and default, each over the seeds that it was confirmed with."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from trials.studies import created

from orchestrator.cli.report import print_winner
from orchestrator.events import EpochReported, Event, Origin, OutcomeKind, SegmentEnded, SegmentStarted, TrialSuggested
from orchestrator.service.service import Service


def _trial(number: int, score: float, origin: Origin, confirms: int | None = None) -> list[Event]:
    return [
        TrialSuggested(
            trial=number, values={"lr": 1e-4}, reason="", bracket=0, to_epoch=1, origin=origin, confirms=confirms
        ),
        SegmentStarted(segment=number, trial=number, from_epoch=0, to_epoch=1),
        EpochReported(trial=number, segment=number, epoch=1, metrics={"mAP": score}),
        SegmentEnded(segment=number, trial=number, outcome=OutcomeKind.COMPLETED, seconds=1.0),
    ]


def test_a_confirmed_default_stands_beside_the_winner_with_its_mean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = created(trials=2, max_epochs=1).model_copy(update={"confirm": 2})
    events = _trial(1, 0.666, Origin.DEFAULT) + _trial(2, 0.70, Origin.RANDOM)
    for number, (score, confirms) in enumerate([(0.695, 1), (0.69, 2), (0.578, 1), (0.68, 2)], 3):
        events += _trial(number, score, Origin.CONFIRM, confirms)
    service = Service(tmp_path)
    service.store.create_study(study, time.time())
    token = service.store.acquire(study.study, "h:1", 60.0, time.time())
    service.store.append(study.study, events, token=token, at=time.time())

    print_winner(service, study.name)

    told = capsys.readouterr().out
    assert "64.6 ± 6.1" in told
    assert "69.0 ± 1.0" in told
    assert "winner over 3 seeds, default over 3 seeds" in told
    assert service.summary(study.name).best.gain == pytest.approx(0.69 - 0.64633, abs=1e-4)
    service.close()
