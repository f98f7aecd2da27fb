"""What commands make of a study's state."""

from __future__ import annotations

from itertools import product

from trials.studies import created

from orchestrator.events import (
    Asked,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    Event,
    Limits,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyEnded,
    StudyState,
    StudyStatus,
    TrialStatus,
    TrialSuggested,
    fold,
)
from orchestrator.events.state import SERVICE
from orchestrator.search import make_plan
from orchestrator.store.rules import status_after

VALUES = {"lr": 0.01, "width": 2}


def command(kind: CommandKind, trial: int | None = None, **asked) -> CommandGiven:
    return CommandGiven(command=kind, trial=trial, by="anna", asked=Asked(**asked))


def events_of(*events: Event) -> list[Event]:
    return [created(), ControllerStarted(owner="h:1", token=1, workers=2), *events]


def folded(*events: Event) -> StudyState:
    return fold(Logged(seq, float(seq), event) for seq, event in enumerate(events_of(*events), 1))


def resting() -> list[Event]:
    return [
        TrialSuggested(trial=1, values={"lr": 1e-4}, origin=Origin.DEFAULT, reason="r", bracket=0, to_epoch=1),
        SegmentStarted(segment=1, trial=1, from_epoch=0, to_epoch=1),
        SegmentEnded(segment=1, trial=1, outcome=OutcomeKind.COMPLETED),
    ]


def test_an_extended_study_that_had_ended_rests_with_its_new_plan_and_limits():
    end = StudyEnded(status=StudyStatus.COMPLETED)
    plan, limits = make_plan(9, 1, 3, 9), Limits(epochs=500)
    state = folded(end, command(CommandKind.EXTEND, plan=plan, limits=limits))
    assert (state.status, state.ended_at, state.reason) == (StudyStatus.PAUSED, None, "")
    assert (state.created.plan, state.created.limits) == (plan, limits)


def test_a_plan_with_other_rungs_or_fewer_trials_is_left_aside():
    for plan in (make_plan(27, 1, 3, 9), make_plan(9, 1, 3, 2)):
        assert folded(command(CommandKind.EXTEND, plan=plan)).created.plan == created().plan


def test_what_is_heard_after_the_end_changes_nothing():
    for status in (StudyStatus.COMPLETED, StudyStatus.STOPPED, StudyStatus.FAILED):
        for kind in (CommandKind.PAUSE, CommandKind.RESUME, CommandKind.STOP):
            state = folded(StudyEnded(status=status), command(kind))
            assert (state.status, state.ended_at) == (status, 3.0)


def test_the_row_of_a_study_has_the_status_of_its_state():
    for status in (StudyStatus.COMPLETED, StudyStatus.STOPPED, StudyStatus.FAILED):
        for kind in (CommandKind.PAUSE, CommandKind.RESUME, CommandKind.STOP, CommandKind.EXTEND, CommandKind.NOTE):
            told = events_of(StudyEnded(status=status), command(kind))
            state = fold(Logged(seq, 0.0, event) for seq, event in enumerate(told, 1))
            assert status_after(StudyStatus.CREATED, told) is state.status


def test_a_paused_study_that_the_service_asks_for_its_slots_hurries_and_stays_paused():
    queue, pause = command(CommandKind.QUEUE), command(CommandKind.PAUSE)
    state = folded(pause, queue)
    assert (state.status, state.hurried) == (StudyStatus.PAUSED, True)
    assert folded(queue, pause).status is StudyStatus.PAUSED
    assert not folded(pause, queue, command(CommandKind.RESUME)).hurried
    assert not folded(pause, queue, ControllerStarted(owner="h:2", token=2, workers=1)).hurried
    assert (folded(queue).status, folded(queue).hurried) == (StudyStatus.QUEUED, False)


def test_a_paused_study_that_nobody_runs_waits_for_its_turn_when_a_person_asks_and_not_the_service():
    pause, queue = command(CommandKind.PAUSE), command(CommandKind.QUEUE).model_copy(update={"aside": True})
    assert folded(pause, queue).status is StudyStatus.QUEUED
    assert folded(pause, queue.model_copy(update={"by": SERVICE})).status is StudyStatus.PAUSED


def test_the_row_of_a_study_in_the_queue_has_the_status_of_its_state():
    kinds = (CommandKind.PAUSE, CommandKind.QUEUE, CommandKind.RESUME, CommandKind.STOP)
    told = [command(kind).model_copy(update={"by": by, "aside": aside}) for kind in kinds for by, aside in BY_WHOM]
    for pair in product(told, repeat=2):
        events = events_of(*pair)
        state = fold(Logged(seq, 0.0, event) for seq, event in enumerate(events, 1))
        assert status_after(StudyStatus.CREATED, events) is state.status, pair


BY_WHOM = [("anna", False), ("anna", True), (SERVICE, False), (SERVICE, True)]


def test_a_stop_at_the_rung_becomes_a_stop_after_the_epoch_when_it_is_asked_again_or_interrupted():
    at_rung = command(CommandKind.STOP, at_rung=True)
    assert folded(at_rung).at_rung
    for again in (command(CommandKind.STOP), command(CommandKind.PAUSE)):
        state = folded(at_rung, again)
        assert (state.status, state.at_rung) == (StudyStatus.STOPPED, False)


def test_an_enqueued_configuration_waits_once_and_until_it_has_a_trial():
    ask = command(CommandKind.ENQUEUE, values=VALUES, reason="trial 1 with width 2")
    waiting = folded(ask, ask)
    assert [(one.values, one.reason, one.by) for one in waiting.wanted] == [(VALUES, "trial 1 with width 2", "anna")]
    suggested = TrialSuggested(trial=1, values=VALUES, origin=Origin.USER, reason="r", bracket=0, to_epoch=1)
    tried = folded(ask, suggested, ask)
    assert (tried.wanted, tried.from_wanted) == ((), 1)


def test_the_plan_grows_only_when_it_has_no_place_left_for_what_is_enqueued():
    planned = created().plan.trials
    asks = [command(CommandKind.ENQUEUE, values={"lr": 0.01, "width": width}) for width in range(planned + 2)]
    suggested = TrialSuggested(trial=1, values={}, origin=Origin.DEFAULT, reason="r", bracket=0, to_epoch=1)
    assert folded(suggested, *asks[: planned - 1]).created.plan == created().plan
    assert folded(suggested, *asks).created.plan.trials == planned + 3


def test_what_is_enqueued_before_the_first_trial_leaves_a_place_to_the_recipe_and_to_what_was_enqueued_at_the_start():
    planned = created().plan.trials
    asks = [command(CommandKind.ENQUEUE, values={"lr": 0.01, "width": width}) for width in range(planned)]
    assert folded(*asks[: planned - 1]).created.plan == created().plan
    assert folded(*asks).created.plan.trials == planned + 1
    given = created().model_copy(update={"enqueued": ({"lr": 0.1, "width": 1}, {"lr": 0.1, "width": 2})})
    log = [Logged(seq, 0.0, event) for seq, event in enumerate((given, *asks), 1)]
    assert fold(log).created.plan.trials == planned + 3


def test_a_promotion_is_remembered_until_the_trial_is_on_its_way():
    ask = command(CommandKind.TRIAL_PROMOTE, 1)
    assert folded(*resting(), ask).trials[1].promoted == "anna"
    started = SegmentStarted(segment=2, trial=1, from_epoch=1, to_epoch=3)
    assert folded(*resting(), ask, started).trials[1].promoted == ""
    assert folded(*resting()[:2], ask).trials[1].promoted == ""  # it runs


def test_pins_notes_tags_and_the_archive_are_what_was_asked_last():
    state = folded(
        *resting(),
        command(CommandKind.TRIAL_PIN, 1),
        command(CommandKind.NOTE, text="first"),
        command(CommandKind.NOTE, text="second"),
        command(CommandKind.TAG, tags=("paper",)),
        command(CommandKind.ARCHIVE),
    )
    assert (state.trials[1].pinned, state.note, state.tags, state.archived) == (True, "second", ("paper",), True)
    undone = folded(*resting(), command(CommandKind.TRIAL_PIN, 1), command(CommandKind.TRIAL_UNPIN, 1))
    assert not undone.trials[1].pinned


def test_commands_for_a_trial_that_is_not_there_change_nothing():
    kinds = (CommandKind.TRIAL_STOP, CommandKind.TRIAL_RETRY, CommandKind.TRIAL_PROMOTE, CommandKind.TRIAL_PIN)
    for kind in kinds:
        assert folded(*resting(), command(kind, 7)).trials[1].status is TrialStatus.RESTING
