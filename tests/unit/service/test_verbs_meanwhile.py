"""Verbs build on what was asked before and not heard yet, and on what happens between their look and their word."""

from __future__ import annotations

import os
import socket
import time

import pytest
from trials.studies import CURVE_TRIAL, controller, created

from orchestrator.backends.inline import InlineBackend
from orchestrator.control.controller import Controller
from orchestrator.control.decide import Finish, decide
from orchestrator.events import CommandGiven, CommandKind, ControllerStarted, Limits, SegmentStarted, StudyStatus
from orchestrator.service.views_acting import EnqueueRequest, ExtendRequest, LimitsRequest, TagRequest
from reid_core.errors import Conflict


def new(service, name="cows", *, algorithm="hyperband", limits=None):
    first = created(name, algorithm=algorithm).model_copy(update={"limits": limits or Limits()})
    service.store.create_study(first, time.time())
    return first.study


def controlled(service, study) -> Controller:
    return controller(service.store, study, service.home.study(study), InlineBackend(CURVE_TRIAL))


def begin(service, study) -> int:
    """A live controller that hears nothing yet; its token."""
    owner = f"{socket.gethostname()}:{os.getpid()}"
    token = service.store.acquire(study, owner, 3600, service.store.now())
    started = ControllerStarted(owner=owner, token=token, workers=1)
    service.store.append(study, [started], token=token, at=time.time())
    return token


def hear(service, study, token):
    pending = service.store.pending(study)
    taken = [one.id for one in pending]
    service.store.append(study, [one.command for one in pending], token=token, at=time.time(), taken=taken)
    return service.state(study)


def test_tags_and_limits_build_on_what_waits_to_be_heard(service):
    study = new(service, limits=Limits(epochs=100))
    token = begin(service, study)
    for tag in ("a", "b"):
        assert service.tag("cows", TagRequest(add=(tag,)), "anna").changed
    assert not service.tag("cows", TagRequest(add=("a",)), "anna").changed
    service.change_limits("cows", LimitsRequest(epochs=300), "anna")
    service.change_limits("cows", LimitsRequest(wall_time="8h"), "anna")
    service.extend("cows", ExtendRequest(trials=3), "anna")
    state = hear(service, study, token)
    assert state.tags == ("a", "b")
    assert state.created.limits == Limits(epochs=300, wall_seconds=8 * 3600)
    assert state.created.plan.trials == 8


def test_a_pause_taken_back_and_asked_again_is_heard_in_that_order(service):
    study = new(service)
    token = begin(service, study)
    assert [verb("cows").changed for verb in (service.pause, service.resume, service.pause, service.pause)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert hear(service, study, token).status is StudyStatus.PAUSED


@pytest.mark.slow
def test_a_study_that_completes_while_somebody_stops_it_stays_completed(service, monkeypatch):
    study = new(service)
    look = service._found

    def completes_after(ref):
        found = look(ref)
        controlled(service, study).run()
        return found

    monkeypatch.setattr(service, "_found", completes_after)
    assert "completed" in service.stop("cows", "anna").told
    assert service.store.find("cows").status is service.state(study).status is StudyStatus.COMPLETED


@pytest.mark.slow
def test_what_is_asked_at_the_last_moment_is_heard_before_the_end(service, monkeypatch):
    study = new(service)
    one = controlled(service, study)
    decisions = []

    def decided(*given):
        decisions.append(decide(*given))
        if isinstance(decisions[-1], Finish) and not any(isinstance(made, Finish) for made in decisions[:-1]):
            service.extend("cows", ExtendRequest(trials=3), "anna")
        return decisions[-1]

    monkeypatch.setattr("orchestrator.control.controller.decide", decided)
    assert len(one.run().trials) == 8
    ends = [number.event for number in service.store.events(study) if number.event.kind == "study_ended"]
    assert len(ends) == 1


@pytest.mark.slow
def test_what_is_asked_after_the_last_word_is_recorded_and_an_extended_study_goes_on(service, monkeypatch):
    study = new(service)
    one = controlled(service, study)
    finish = one._finish

    def asks_too_late(decision: Finish):
        finish(decision)
        service.store.post(study, CommandGiven(command=CommandKind.NOTE, asked={"text": "hello"}), time.time())
        service.extend("cows", ExtendRequest(trials=3), "anna")

    monkeypatch.setattr(one, "_finish", asks_too_late)
    one.run()
    state = service.state(study)
    assert (service.store.pending(study), state.note, state.status) == ([], "hello", StudyStatus.PAUSED)
    assert len(controlled(service, study).run().trials) == 8


@pytest.mark.slow
def test_a_study_whose_controller_died_between_a_stop_and_its_end_has_ended_for_every_verb(service):
    for name, verb in (
        ("a", lambda: service.resume("a")),
        ("b", lambda: service.extend("b", ExtendRequest(trials=3))),
        ("c", lambda: service.extend("c", ExtendRequest())),
        ("d", lambda: service.check_free(service.store.find("d"))),
    ):
        study = new(service, name)
        token = begin(service, study)
        stop = CommandGiven(command=CommandKind.STOP, by="anna")
        service.store.append(study, [stop], token=token, at=time.time())
        service.store.release(study, token)
        if name == "a":
            with pytest.raises(Conflict, match="is stopped"):
                verb()
        else:
            verb()
        ends = [one.event.reason for one in service.store.events(study) if one.event.kind == "study_ended"]
        assert ends == ["stopped by anna"]
        assert service.state(study).status is (StudyStatus.PAUSED if name in "bc" else StudyStatus.STOPPED)


@pytest.mark.slow
def test_a_limit_that_did_not_end_a_study_does_not_open_it_again_when_it_is_raised(service):
    study = new(service, limits=Limits(epochs=100_000))
    controlled(service, study).run()
    assert service.change_limits("cows", LimitsRequest(epochs=200_000)).status is StudyStatus.COMPLETED
    other = new(service, "calves", limits=Limits(epochs=14))
    assert "epochs are spent" in controlled(service, other).run().reason
    assert service.change_limits("calves", LimitsRequest(epochs=100)).status is StudyStatus.PAUSED


@pytest.mark.slow
def test_new_trials_compete_with_the_old_ones_after_one_was_enqueued_behind_the_plan(service):
    study = new(service, algorithm="asha")
    planned = service.state(study).created.plan.trials
    for number in range(planned):  # the recipe's own has a place too
        service.enqueue("cows", EnqueueRequest(values={"lr": 0.001 * (number + 1)}))
    service.extend("cows", ExtendRequest(trials=9))
    first, place = service.state(study).created.plan.brackets
    assert (first.sizes[0], set(place.sizes)) == (planned + 9, {1})
    assert len(controlled(service, study).run().trials) == planned + 10


@pytest.mark.slow
def test_a_trial_stopped_on_its_rung_rests_there_again_and_no_empty_segment_runs(service):
    study = new(service)
    controlled(service, study).run()
    service.extend("cows", ExtendRequest())
    trial = next(one for one in service.state(study).trials.values() if one.status.value == "resting")
    service.stop_trial("cows", trial.id)
    assert "rests" in service.retry_trial("cows", trial.id).told
    assert service.state(study).trials[trial.id].status.value == "resting"
    controlled(service, study).run()
    started = [one.event for one in service.store.events(study) if isinstance(one.event, SegmentStarted)]
    assert all(event.from_epoch < event.to_epoch for event in started)
