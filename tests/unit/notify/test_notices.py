from __future__ import annotations

import pytest
from notified import Story

from orchestrator.events import StudyStatus
from orchestrator.notify.notices import NoticeKind, Notices

ALL = tuple(NoticeKind)


def told(story, wanted=ALL, **options):
    notices = Notices(wanted, **options)
    return [notice for logged in story.log for notice in notices.take(logged)]


def test_end_tells_the_best_and_what_was_spent():
    end = told(Story().trial(1, 0.2, 0.5, 0.4).trial(2, 0.3).ends(), [NoticeKind.END])
    assert [one.title for one in end] == ["cows completed: best mAP 50.0 (trial 1, epoch 2)"]
    assert (end[0].text, end[0].metrics) == ("the plan is done\n2 trials (0 failed), 4 epochs", {"mAP": 0.5})
    assert end[0].id == "id-cows:11"


def test_a_study_that_failed_is_a_failure_and_no_end():
    failed = told(Story().trial(1).fails(1).ends(StudyStatus.FAILED, "every trial failed"), every=1e9)
    assert [(one.kind, one.status) for one in failed] == [("failure", ""), ("failure", "failed")]


def test_each_new_best_is_told_once_without_a_limit():
    best = told(Story().trial(1, 0.2, 0.5, 0.4).trial(2, 0.5, 0.6), [NoticeKind.BEST], every=0)
    assert [(one.trial, one.epoch) for one in best] == [(1, 1), (1, 2), (2, 2)]


def test_the_newest_best_within_the_limit_is_told_when_it_is_over():
    story = Story(step=1.0).trial(1, 0.1, 0.2, 0.3)
    story.at += 100
    best = told(story.loses_node(), [NoticeKind.BEST], every=50)
    assert [one.epoch for one in best] == [1, 3]
    assert best[1].id == "id-cows:7", "the id is that of the event, not of the one that let it out"


def test_a_repetition_with_another_seed_and_no_number_are_no_best():
    assert len(told(Story().trial(1, 0.3).trial(2, 0.9, confirms=1).trial(3, float("nan")), every=0)) == 1


def test_failures_between_two_messages_are_counted():
    story = Story(step=1.0)
    for number in range(1, 5):
        story.trial(number).fails(number)
    story.at += 100
    titles = [one.title for one in told(story.loses_node(), [NoticeKind.FAILURE], every=50)]
    assert titles == [
        "cows: trial 1 failed for good (bug)",
        "cows: trial 4 failed for good (bug), and 2 failures before it",
    ]


def test_a_failure_that_will_be_retried_is_not_told():
    assert told(Story().trial(1).fails(1, final=False)) == []


def test_a_node_set_aside_is_told_with_its_reason():
    assert [(one.title, one.text) for one in told(Story().loses_node())] == [
        ("cows: node node-3 was set aside", "its disk is full")
    ]


def test_secrets_in_messages_are_cleaned():
    cleaned = told(Story().trial(1).fails(1, "at s3://k:secret@x"), clean=lambda text: text.replace("secret", "***"))
    assert "secret" not in cleaned[0].text


def test_a_study_whose_controller_is_gone_is_told_and_a_paused_one_is_not():
    running, ended = Notices(ALL), Notices(ALL)
    for logged in Story().trial(1, 0.5).log:
        running.take(logged)
    for logged in Story().trial(1, 0.5).ends().log:
        ended.take(logged)
    found = running.abandoned()
    assert found is not None
    assert (found.id, found.status) == ("id-cows:5:interrupted", "interrupted")
    assert ended.abandoned() is None


@pytest.mark.parametrize("every", [0, 2, 10])
def test_the_same_log_gives_the_same_notices_wherever_the_reader_began_again(every):
    story = Story().trial(1, 0.1, 0.2).fails(1).trial(2, 0.3, 0.4).loses_node().fails(2).ends()
    assert told(story, every=every) == told(story, every=every)
    assert len({one.id for one in told(story, every=every)}) == len(told(story, every=every))
