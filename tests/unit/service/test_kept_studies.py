"""What the service keeps of a study is what it would make of the whole log."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator

import pytest
from trials.studies import created

from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
    fold,
)
from orchestrator.service import progress
from orchestrator.service.kept import KeptStudies, KeptStudy

PLACES = {"alive": True, "directory": "d", "mlflow": ""}


def _trial(number: int, scores: list[float], outcome: OutcomeKind = OutcomeKind.COMPLETED) -> Iterator[Event]:
    origin = Origin.DEFAULT if number == 1 else Origin.RANDOM
    values = {"SOLVER.BASE_LR": 1e-3 * number} if number != 2 else {}
    yield TrialSuggested(trial=number, values=values, origin=origin, reason="", bracket=0, to_epoch=9)
    yield SegmentStarted(segment=number, trial=number, from_epoch=0, to_epoch=9)
    for epoch, score in enumerate(scores, 1):
        metrics = {"mAP": score, "seconds": 2.0 + epoch}
        yield EpochReported(trial=number, segment=number, epoch=epoch, metrics=metrics)
    yield SegmentEnded(segment=number, trial=number, outcome=outcome, seconds=9.0, final=True)


def _study() -> list[Logged]:
    """Three trials under two controllers; the third still runs when the first controller goes."""
    events: list[Event] = [created(trials=5, max_epochs=9), ControllerStarted(owner="h:1", token=1, workers=2)]
    events += [*_trial(1, [0.1, 0.3, 0.2]), *_trial(2, [math.nan, 0.3]), *list(_trial(3, [0.2]))[:-1]]
    events += [ControllerStarted(owner="h:2", token=2, workers=3), *_trial(4, [0.5], OutcomeKind.FAILED)]
    events += [CommandGiven(command=CommandKind.TRIAL_STOP, trial=3), *_trial(5, [0.4, 0.6])]
    events += [StudyEnded(status=StudyStatus.COMPLETED)]
    return [Logged(seq, 3.0 * seq, event) for seq, event in enumerate(events, 1)]


STUDY = _study()


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_a_study_read_in_parts_shows_what_one_read_at_once_shows(chunk: int) -> None:
    grown = KeptStudy()
    for start in range(0, len(STUDY), chunk):
        grown.read(STUDY[start : start + chunk])
        whole = KeptStudy()
        whole.read(STUDY[: start + chunk])
        assert grown.board(**PLACES).model_dump_json() == whole.board(**PLACES).model_dump_json()
        assert grown.detail(**PLACES).model_dump_json() == whole.detail(**PLACES).model_dump_json()
        for number in whole.state.trials:
            assert grown.trial(number, "").model_dump_json() == whole.trial(number, "").model_dump_json()


def test_the_incumbent_and_the_pace_are_those_of_a_search_through_everything() -> None:
    for end in range(1, len(STUDY)):  # a completed study shows its winner
        state = fold(STUDY[:end])
        told = [(t.id, epoch, m) for t in state.trials.values() for epoch, m in t.history.items()]
        scores = [(m["mAP"], -number, -epoch) for number, epoch, m in told if not math.isnan(m["mAP"])]
        best = progress.best(state)
        assert (best and (best.metrics["mAP"], -best.trial, -best.epoch)) == max(scores, default=None)
        seconds = [m["seconds"] for _, _, m in told]
        assert progress.seconds_per_epoch(state) == (pytest.approx(sum(seconds) / len(seconds)) if seconds else None)


def test_the_best_so_far_of_the_page_steps_up_with_the_epochs_spent() -> None:
    study = KeptStudy()
    study.read(STUDY)
    steps = study.board(**PLACES).best
    assert list(zip(steps.spent, steps.best, strict=True)) == [(1, 0.1), (2, 0.3), (7, 0.5), (9, 0.6)]


def test_without_a_live_controller_what_ran_waits_and_has_no_time_left() -> None:
    cut = next(
        place for place, one in enumerate(STUDY) if one.event == ControllerStarted(owner="h:2", token=2, workers=3)
    )
    study = KeptStudy()
    study.read(STUDY[:cut])
    living = study.detail(**PLACES)
    dead = study.detail(**{**PLACES, "alive": False})

    assert (living.trials[2].status, dead.trials[2].status) == ("running", "waiting")
    assert living.trials[2].seconds_left
    assert dead.trials[2].seconds_left is None
    assert (dead.status, dead.seconds_left) == ("interrupted", None)
    assert "running" not in dead.trials_by_status
    assert study.trial(3, "", alive=False).status == "waiting"


def test_the_board_tells_absent_values_from_null() -> None:
    study = KeptStudy()
    study.read(STUDY)
    columns = study.board(**PLACES).trials
    assert columns.active == {"SOLVER.BASE_LR": "10111"}
    assert columns.values["SOLVER.BASE_LR"][1] is None
    assert columns.score[1] == pytest.approx(0.3)


class _Source:
    """Events of a study, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, after: int) -> Iterable[Logged]:
        self.asked.append(after)
        return STUDY[after:]


def test_the_list_of_studies_reads_no_log_twice_even_without_room() -> None:
    studies, sources = KeptStudies(most_events=1), [_Source(), _Source()]
    for _ in range(3):
        for name, source in zip("ab", sources, strict=True):
            assert studies.summary(name, len(STUDY), source, alive=False).revision == len(STUDY)
    assert [source.asked for source in sources] == [[0], [0]]


def test_the_study_used_last_stays_and_others_are_read_again() -> None:
    studies, sources = KeptStudies(most_events=1), [_Source(), _Source()]
    for turn in (0, 0, 1, 0):
        with studies.use("ab"[turn], sources[turn]):
            pass
    assert sources[0].asked == [0, len(STUDY), 0]


def test_a_deleted_study_is_forgotten() -> None:
    studies, source = KeptStudies(), _Source()
    studies.summary("a", len(STUDY), source, alive=False)
    studies.keep_only([])
    studies.summary("a", len(STUDY), source, alive=False)
    assert source.asked == [0, 0]


def test_a_log_that_breaks_off_is_read_from_its_start_again() -> None:
    studies, source = KeptStudies(), _Source()

    def breaks(after: int) -> Iterator[Logged]:
        yield from STUDY[after : after + 8]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), studies.use("a", breaks):
        pass
    with studies.use("a", source) as kept:
        assert len(kept.trial(1, "").events) == 6
    assert source.asked == [0]


def test_threads_see_whole_studies() -> None:
    studies, found = KeptStudies(), []

    def look() -> None:
        for end in range(1, len(STUDY) + 1):
            with studies.use("a", lambda after, end=end: STUDY[after:end]) as kept:
                found.append(len(kept.rows()) == len(kept.state.trials))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4 * len(STUDY)
