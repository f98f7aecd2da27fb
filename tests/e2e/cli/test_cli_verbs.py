"""Acting on studies from a shell, with real processes: one stopped at its rung, one extended, one cloned, deleted."""

from __future__ import annotations

import json
import time

import pytest
from cli_space import RUN

pytestmark = pytest.mark.slow


def shown(cli, *words) -> dict:
    ran = cli(*words, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def wait_until_completed(cli, study: str) -> dict:
    deadline = time.monotonic() + 180
    while True:
        found = shown(cli, "status", study)
        if found["status"] == "completed":
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_a_study_stopped_at_its_rung_ends_there_and_starts_nothing_more(cli, start, home, space):
    words = ("--trials", 4, "--max-epochs", 30, "--min-epochs", 30)
    process = start(*RUN, "--space", space, *words, "--name", "herd")
    for line in process.stdout:
        if json.loads(line)["kind"] == "epoch_reported":
            break
    asked = cli("studies", "stop", "herd", "--at-rung")
    out, err = process.communicate(timeout=180)

    assert "it ends when what runs has reached its rung" in asked.out, asked.err
    assert process.returncode == 0, err
    found = shown(cli, "studies", "show", "herd")
    assert found["status"] == "stopped"
    assert {trial["epoch"] for trial in found["trials"]} == {30}
    assert len(found["trials"]) < 4
    told = [json.loads(line) for line in out.splitlines()]
    stops = [event for event in told if event["kind"] == "command_given"]
    assert [(event["command"], event["asked"]["at_rung"]) for event in stops] == [("stop", True)]
    assert stops[0]["by"].endswith("on the command line")
    again = cli("studies", "stop", "herd")
    assert (again.code, again.out) == (0, "herd: has ended already: stopped\n")


def test_a_study_is_extended_finished_cloned_compared_and_deleted_with_its_files(cli, home, space):
    assert cli(*RUN, "--space", space, "--name", "cows").code == 0
    refused = cli("studies", "resume", "cows")
    assert refused.code == 6
    assert "studies extend cows" in refused.err
    extended = cli("studies", "extend", "cows", "--trials", 1)
    assert "go on with `reid-tune studies resume cows`" in extended.out, extended.err
    assert cli("trial", "enqueue", "cows", "--values", '{"SOLVER.BASE_LR": 0.002}').code == 0
    assert cli("studies", "tag", "cows", "paper").out == "cows: tags: paper\n"
    assert cli("studies", "resume", "cows").code == 0
    done = wait_until_completed(cli, "cows")
    trials = done["trials"]
    assert len(trials) == 3
    assert (trials[2]["origin"], trials[2]["values"]["SOLVER.BASE_LR"]) == ("user", 0.002)
    assert done["tags"] == ["paper"]

    assert cli("studies", "clone", "cows", "--name", "calves", "--seed", 5).code == 0
    differences = shown(cli, "studies", "diff", "cows", "calves")["differences"]
    assert [(one["what"], one["first"], one["second"]) for one in differences] == [("seed", "0", "5")]
    assert "seed" in cli("studies", "diff", "cows", "calves").out

    folder = shown(cli, "studies", "show", "cows")["directory"]
    asked = cli("studies", "delete", "cows")  # nobody can be asked here
    assert asked.code == 2
    assert "--yes" in asked.err
    deadline = time.monotonic() + 60
    while cli("studies", "delete", "cows", "--yes").code == 6:  # its controller is about to leave
        assert time.monotonic() < deadline
    assert not (home / "studies" / folder.rsplit("/", 1)[-1]).exists()
    assert cli("studies", "show", "cows").code == 5
    assert [one["name"] for one in json.loads(cli("studies", "ls", "--json").out)] == ["calves"]


def test_verbs_that_make_no_sense_are_refused_with_their_exit_codes(cli, home, space):
    assert cli(*RUN, "--space", space, "--name", "goats").code == 0
    for words, code, told in (
        (("studies", "extend", "goats", "--trials", 1, "--max-epochs", 9), 2, "schedules depend on it"),
        (("studies", "limits", "goats"), 2, "no limit is named"),
        (("studies", "limits", "goats", "--target", "colour >= 1"), 3, "colour"),
        (("trial", "promote", "goats", 9), 5, "no trial 9"),
        (("trial", "enqueue", "goats", "--values", "{"), 3, "no JSON"),
        (("trial", "enqueue", "goats", "--values", '{"SOLVER.BASE_LR": 7}'), 3, "SOLVER.BASE_LR"),
        (("trial", "clone", "goats", 1, "--set", "SOLVER.BASE_LR", "0.003"), 6, "studies extend goats"),
        (("studies", "clone", "goats", "--name", "goats"), 6, "already a study"),
    ):
        ran = cli(*words)
        assert (ran.code, told in ran.err) == (code, True), (words, ran)
