"""The verbs of the service over a real store and home: done once, recorded with who, refused where senseless."""

from __future__ import annotations

import os
import socket
import time

import pytest
from trials.studies import CURVE_TRIAL, controller, created

from orchestrator.backends.inline import InlineBackend
from orchestrator.events import CommandGiven, CommandKind, Limits, StudyEnded, StudyStatus, TrialStatus
from orchestrator.search import MOST_TRIALS
from orchestrator.service.audit import read_audit
from orchestrator.service.views import StudyRequest
from orchestrator.service.views_acting import (
    CloneRequest,
    EnqueueRequest,
    ExtendRequest,
    LimitsRequest,
    TagRequest,
    TrialCloneRequest,
)
from reid_core.errors import Conflict, InvalidInput, NotFound, UsageError


@pytest.fixture
def study(service):
    first = created("cows", algorithm="hyperband").model_copy(
        update={"command": "reid-tune run --space curves --name cows"}
    )
    service.store.create_study(first, time.time())
    return first.study


def run(service, study):
    backend = InlineBackend(CURVE_TRIAL)
    return controller(service.store, study, service.home.study(study), backend).run()


def commands(service, study):
    told = [one.event for one in service.store.events(study) if isinstance(one.event, CommandGiven)]
    return [(one.command.value, one.by) for one in told]


@pytest.mark.slow
def test_each_verb_is_recorded_once_with_who_asked_and_the_second_says_so(service, study):
    tag, note = TagRequest(add=("paper",)), "a note"
    for verb in (
        lambda: service.note("cows", note, "anna"),
        lambda: service.tag("cows", tag, "anna"),
        lambda: service.change_limits("cows", LimitsRequest(epochs=500), "anna"),
        lambda: service.enqueue("cows", EnqueueRequest(values={"lr": 0.01}), "anna"),
        lambda: service.archive("cows", "anna"),
        lambda: service.unarchive("cows", "anna"),
        lambda: service.pause("cows", "anna"),
        lambda: service.stop("cows", "anna"),
    ):
        first, again = verb(), verb()
        assert first.changed, first.told
        assert not again.changed, again.told
        assert again.told
        assert again.revision == first.revision
    names = ["note", "tag", "limits", "enqueue", "archive", "unarchive", "pause", "stop"]
    assert commands(service, study) == [(name, "anna") for name in names]


@pytest.fixture
def spawned(monkeypatch):
    """Controllers that would have been started."""
    found = []
    monkeypatch.setattr("orchestrator.service.service.spawn", lambda *words, **_more: found.append(words))
    return found


def test_a_resume_stands_in_the_log_before_its_controller_starts(service, study, monkeypatch):
    seen = []
    monkeypatch.setattr("orchestrator.service.service.spawn", lambda *_, **__: seen.append(commands(service, study)))
    service.pause("cows", "anna")
    assert service.resume("cows", "ben").changed
    assert seen == [[("pause", "anna"), ("resume", "ben")]]
    assert not service.resume("cows", "ben").changed  # nothing came of it yet: it is tried again, and told once
    assert service.resume("cows", "anna").changed
    assert [by for _, by in commands(service, study)] == ["anna", "ben", "anna"]
    assert service.events(study)[-1].text == "resume asked by anna"


def test_a_resume_by_hand_is_noted_once_and_one_of_an_ended_study_never(service, study):
    assert service.take_up("cows", "anna")
    assert service.take_up("cows", "anna")
    assert commands(service, study) == [("resume", "anna")]
    service.stop("cows", "anna")
    assert service.take_up("cows", "ben")
    assert [kind for kind, _ in commands(service, study)] == ["resume", "stop"]


@pytest.mark.slow
def test_a_study_that_was_resumed_is_charged_no_time_until_its_controller_runs(service, study, spawned):
    run(service, study)
    service.extend("cows", ExtendRequest(trials=2), "anna")
    before = service.state(study).wall_seconds()
    service.resume("cows", "anna")
    time.sleep(0.3)
    assert len(spawned) == 1
    assert service.summary(study).status is StudyStatus.INTERRUPTED
    assert service.state(study).wall_seconds() == before
    begun = time.time()
    state = run(service, study)
    assert state.status is StudyStatus.COMPLETED
    assert state.wall_seconds() <= before + time.time() - begun


def test_a_stop_now_is_asked_once_also_after_one_that_waits(service, study):
    service.store.acquire(study, f"{socket.gethostname()}:{os.getpid()}", 3600, time.time())
    asked = [
        service.stop("cows", "anna", at_rung=at_rung, now=now).changed
        for at_rung, now in ((False, False), (False, True), (False, True), (False, False), (True, False))
    ]
    assert asked == [True, True, False, False, False]
    assert [one.command.asked.now for one in service.store.pending(study)] == [False, True]
    with pytest.raises(UsageError, match="not both"):
        service.stop("cows", "anna", at_rung=True, now=True)
    token = service.store.holder(study).token
    for one in service.store.pending(study):  # heard, and not over yet
        service.store.append(study, [one.command], token=token, at=time.time(), taken=[one.id])
    assert not service.stop("cows", "anna", now=True).changed
    service.store.release(study, token)


def test_a_stop_of_a_study_that_nobody_runs_ends_it_at_once(service, study):
    assert service.stop("cows", "anna").status is StudyStatus.STOPPED
    *_, command, end = (one.event for one in service.store.events(study))
    assert isinstance(command, CommandGiven)
    assert end == StudyEnded(status=StudyStatus.STOPPED, reason="stopped by anna", aside=True)
    assert service.store.holder(study) is None


def test_a_stop_that_a_dead_controller_never_heard_ends_the_study(service, study):
    service.store.acquire(study, f"{socket.gethostname()}:{os.getpid()}", 3600, time.time())
    assert not service.stop("cows", "anna").ended_at
    service.store.release(study, service.store.holder(study).token)
    assert service.stop("cows", "anna").ended_at
    assert [kind for kind, _ in commands(service, study)].count("stop") >= 1


def test_a_running_study_gets_its_commands_in_its_inbox_once(service, study):
    service.store.acquire(study, f"{socket.gethostname()}:{os.getpid()}", 3600, time.time())
    assert service.stop("cows", "anna", at_rung=True).changed
    assert not service.stop("cows", "anna", at_rung=True).changed
    assert service.stop("cows", "anna").changed  # at once instead
    assert [one.command.asked.at_rung for one in service.store.pending(study)] == [True, False]
    with pytest.raises(Conflict, match="being run"):
        service.archive("cows")
    with pytest.raises(Conflict, match="being run"):
        service.delete("cows")


def test_archived_studies_are_listed_only_when_asked_for(service, study):
    service.archive("cows", "anna")
    assert service.studies() == []
    assert [one.archived for one in service.studies(archived=True)] == [True]


@pytest.mark.slow
def test_a_deleted_study_is_gone_with_its_files_and_leaves_them_where_asked(service, study):
    run(service, study)
    folder = service.home.study(study)
    assert list(folder.rglob("*.json"))
    kept = service.delete("cows", "anna", keep_files=True)
    assert [(one.what, one.who, one.study) for one in read_audit(service.home.audit)] == [("delete", "anna", "cows")]
    assert kept.files == str(folder)
    assert folder.exists()
    with pytest.raises(NotFound):
        service.study("cows")
    service.store.create_study(created("cows"), time.time())
    run(service, study)
    assert service.delete("cows").files == ""
    assert not folder.exists()


@pytest.mark.slow
def test_a_finished_study_is_extended_resumed_and_finishes_with_more_trials(service, study):
    before = run(service, study)
    assert before.status is StudyStatus.COMPLETED
    told = service.extend("cows", ExtendRequest(trials=4), "anna")
    assert (told.status, told.trials_planned, told.ended_at) == (StudyStatus.PAUSED, 9, None)
    after = run(service, study)
    assert after.status is StudyStatus.COMPLETED
    assert len(after.trials) == 9
    reported = [one.event for one in service.store.events(study) if one.event.kind == "epoch_reported"]
    assert len(reported) == after.epochs_spent == after.created.plan.epochs


@pytest.mark.slow
def test_more_trials_than_a_study_holds_are_refused_at_once(service, study):
    for request in (ExtendRequest(trials=MOST_TRIALS), ExtendRequest(epochs=1_000_000_000)):
        with pytest.raises(UsageError, match=f"{MOST_TRIALS} is the most"):
            service.extend("cows", request)
    assert commands(service, study) == []


def test_epochs_alone_buy_as_many_trials_as_they_pay_for(service, study):
    before = service.state("cows").created.plan
    service.extend("cows", ExtendRequest(epochs=30), "anna")
    after = service.state("cows").created
    assert 0 < after.plan.epochs - before.epochs <= 30
    assert after.limits == Limits()


def test_trials_and_epochs_together_limit_the_study(service, study):
    planned = service.state("cows").created.plan.epochs
    service.extend("cows", ExtendRequest(trials=4, epochs=12), "anna")
    assert service.state("cows").created.limits.epochs == planned + 12


def test_another_length_of_a_full_run_is_refused_with_the_reason(service, study):
    with pytest.raises(UsageError, match="schedules depend on it"):
        service.extend("cows", ExtendRequest(trials=2, max_epochs=27))
    assert commands(service, study) == []


@pytest.mark.slow
def test_more_than_a_limit_leaves_room_for_is_refused(service):
    first = created("short").model_copy(update={"limits": Limits(epochs=20)})
    service.store.create_study(first, time.time())
    run(service, first.study)
    with pytest.raises(Conflict, match="epochs"):
        service.extend("short", ExtendRequest(trials=4))
    service.extend("short", ExtendRequest(trials=4, epochs=40))
    assert len(run(service, first.study).trials) > 5


@pytest.mark.slow
def test_a_study_that_a_limit_ended_rests_again_when_the_limit_is_taken_away(service):
    first = created("short").model_copy(update={"limits": Limits(target="mAP >= 0.0")})
    service.store.create_study(first, time.time())
    assert run(service, first.study).status is StudyStatus.COMPLETED
    assert service.change_limits("short", LimitsRequest(clear=("target",)), "anna").status is StudyStatus.PAUSED
    assert len(run(service, first.study).trials) == 5


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (LimitsRequest(), UsageError),
        (LimitsRequest(wall_time="soon"), InvalidInput),
        (LimitsRequest(target="nothing >= 1"), InvalidInput),
        (LimitsRequest(gpu_hours=1.0), InvalidInput),
        (LimitsRequest(clear=("colour",)), UsageError),
    ],
)
def test_limits_that_make_no_sense_are_refused_before_anything_is_recorded(service, study, request_, error):
    with pytest.raises(error):
        service.change_limits("cows", request_)
    assert commands(service, study) == []


@pytest.mark.slow
def test_who_made_a_study_stands_in_its_first_event_and_its_story(service, study):
    del study
    asked = StudyRequest(space="bnneck", backend="inline", trials=2, max_epochs=2, name="goats")
    made = service.create(asked, "anna from 127.0.0.1")
    assert service.state(made.id).created.by == "anna from 127.0.0.1"
    assert "created by anna from 127.0.0.1: 2 trials" in service.events(made.id)[0].text
    new = service.clone(made.id, CloneRequest(name="other"), "bert").id
    assert service.state(new).created.by == "bert"


def test_a_clone_has_everything_but_its_name_seed_and_what_is_set(service, study):
    made = service.clone("cows", CloneRequest(name="calves", seed=3), "anna")
    old, new = service.state("cows").created, service.state("calves").created
    assert (made.name, new.seed) == ("calves", 3)
    assert (new.space, new.base, new.plan) == (old.space, old.base, old.plan)
    assert new.command == "reid-tune run --space curves --name calves --seed 3"
    assert service.state("calves").note == f"clone of cows ({study})"
    with pytest.raises(Conflict, match="already a study"):
        service.clone("cows", CloneRequest(name="calves"))


@pytest.mark.parametrize(("key", "code"), [("lr", "varied-key"), ("SOLVER.MAX_EPOCH", "budget-key"), ("x", "unknown")])
def test_a_clone_cannot_set_what_varies_the_length_or_unknown_keys(service, study, key, code):
    with pytest.raises(InvalidInput) as caught:
        service.clone("cows", CloneRequest(name="calves", set={key: 1}))
    assert caught.value.findings[0].code.startswith(code)
    assert [one.name for one in service.studies()] == ["cows"]


def test_diff_tells_what_two_studies_differ_in_and_nothing_else(service, study):
    service.clone("cows", CloneRequest(name="calves", seed=3))
    service.change_limits("calves", LimitsRequest(epochs=77))
    found = service.diff("cows", "calves")
    told = {(one.section, one.what): (one.first, one.second) for one in found.differences if one.section != "versions"}
    assert told == {("search", "seed"): ("7", "3"), ("limits", "epochs"): ("-", "77")}
    assert service.diff("cows", "cows").differences == ()


@pytest.mark.slow
def test_a_failed_trial_is_retried_only_in_a_study_that_goes_on(service, study):
    run(service, study)
    service.extend("cows", ExtendRequest(), "anna")
    trial = next(one for one in service.state("cows").trials.values() if one.status is TrialStatus.RESTING)
    assert service.stop_trial("cows", trial.id, "anna").changed
    assert not service.stop_trial("cows", trial.id, "anna").changed
    assert service.retry_trial("cows", trial.id, "anna").changed
    assert not service.retry_trial("cows", trial.id, "anna").changed
    run(service, study)
    again = service.stop_trial("cows", trial.id)
    assert (again.changed, "completed already" in again.told) == (False, True)
    done = next(one for one in service.state("cows").trials.values() if one.status is TrialStatus.COMPLETED)
    assert not service.retry_trial("cows", done.id).changed


@pytest.mark.slow
def test_a_resting_trial_is_promoted_by_hand_and_its_story_names_who(service, study):
    run(service, study)
    service.extend("cows", ExtendRequest(), "anna")
    trial = next(one for one in service.state("cows").trials.values() if one.status is TrialStatus.RESTING)
    reached = trial.epoch
    assert service.promote_trial("cows", trial.id, "anna").changed
    assert not service.promote_trial("cows", trial.id, "ben").changed
    assert service.trial("cows", trial.id).promoted == "anna"
    state = run(service, study)
    assert state.trials[trial.id].epoch == 3 * reached
    assert any("promoted by anna" in event.text for event in service.trial("cows", trial.id).events)
    done = next(one for one in state.trials.values() if one.status is TrialStatus.COMPLETED)
    with pytest.raises(Conflict, match="only a resting one"):
        service.promote_trial("cows", done.id)


@pytest.mark.slow
def test_a_pinned_trial_keeps_the_checkpoints_of_its_rungs(service, study):
    run(service, study)
    service.extend("cows", ExtendRequest(), "anna")
    trial = next(one for one in service.state("cows").trials.values() if one.status is TrialStatus.RESTING).id
    assert service.pin_trial("cows", trial, "anna").changed
    assert not service.pin_trial("cows", trial, "anna").changed
    assert service.trial("cows", trial).pinned
    files = service.home.study(study) / "trials" / f"{trial:04d}"
    before = {path.name for path in files.glob("*.json")}
    service.promote_trial("cows", trial, "anna")
    run(service, study)
    assert {path.name for path in files.glob("*.json")} > before
    assert service.unpin_trial("cows", trial, "anna").changed
    assert not service.trial("cows", trial).pinned


@pytest.mark.slow
def test_a_trial_is_cloned_with_changes_as_a_configuration_that_names_it(service, study):
    run(service, study)
    service.extend("cows", ExtendRequest(trials=1), "anna")
    parent = service.state("cows").trials[2]
    told = service.clone_trial("cows", 2, TrialCloneRequest(set={"width": 8}), "anna")
    assert told.changed
    assert not service.clone_trial("cows", 2, TrialCloneRequest(set={"width": 8}), "anna").changed
    state = run(service, study)
    child = next(one for one in state.trials.values() if one.values == {**parent.values, "width": 8})
    assert (child.origin.value, child.reason) == ("user", "enqueued by anna: trial 2 with width 8")


@pytest.mark.parametrize("values", [{"lr": 5.0}, {"width": 3.5}, {"colour": 1}, {"lr": "fast"}])
def test_values_outside_the_space_are_refused_before_they_are_recorded(service, study, values):
    with pytest.raises(InvalidInput):
        service.enqueue("cows", EnqueueRequest(values=values))
    assert commands(service, study) == []


@pytest.mark.slow
def test_a_configuration_that_has_a_trial_is_not_tried_again(service, study):
    run(service, study)
    service.extend("cows", ExtendRequest(trials=2))
    again = service.enqueue("cows", EnqueueRequest(values=dict(service.state("cows").trials[2].values)))
    assert (again.changed, again.told) == (False, "trial 2 has these values already")


def test_a_population_that_has_not_begun_keeps_the_place_of_the_recipes_own(service):
    service.store.create_study(created("herd", trials=3, algorithm="pbt"), time.time())
    plan = service.state("herd").created.plan
    for width in (2, 6):
        assert service.enqueue("herd", EnqueueRequest(values={"width": width})).changed
    with pytest.raises(UsageError, match="the population of study herd is complete"):
        service.enqueue("herd", EnqueueRequest(values={"width": 8}))
    assert service.state("herd").created.plan == plan  # and no place behind its end


@pytest.mark.slow
def test_nothing_is_asked_of_a_study_that_has_ended_without_a_hint_how_it_goes_on(service, study):
    run(service, study)
    for verb in (
        lambda: service.enqueue("cows", EnqueueRequest(values={"lr": 0.02})),
        lambda: service.promote_trial("cows", 2),
        lambda: service.resume("cows"),
    ):
        with pytest.raises(Conflict) as caught:
            verb()
        assert "extend" in caught.value.hint or "trial ls" in caught.value.hint


@pytest.mark.parametrize("tag", ["", " ", "a,b", "x" * 65, "two\nlines"])
def test_what_is_no_tag_is_refused(service, study, tag):
    with pytest.raises(UsageError):
        service.tag("cows", TagRequest(add=(tag,)))


def test_the_kind_of_a_command_is_told_in_the_events(service, study):
    service.extend("cows", ExtendRequest(trials=4), "anna")
    service.tag("cows", TagRequest(add=("paper", "first")), "anna")
    texts = [one.text for one in service.events("cows")]
    assert any(text.startswith("extend asked by anna: to 9 trials") for text in texts)
    assert "tag asked by anna: paper, first" in texts
    assert CommandKind.TAG.value in texts[-1]


def test_a_share_given_twice_is_recorded_once_and_an_ended_study_has_none_to_change(service, study):
    first, again = service.share("cows", "anna", priority=5), service.share("cows", "anna", priority=5)
    assert (first.changed, again.changed) == (True, False)
    assert again.told == "has this share already: priority 5"
    service.stop("cows", "anna")
    ended = service.share("cows", "anna", priority=6)
    assert (ended.changed, ended.told) == (False, "has ended already: stopped")
    assert commands(service, study) == [("share", "anna"), ("stop", "anna")]


def test_a_name_that_is_taken_is_said_with_the_study_that_has_it(service, study):
    service.check_new("")
    service.check_new("sheep")
    with pytest.raises(Conflict) as caught:
        service.check_new("cows")
    assert "--resume cows" in caught.value.hint
