"""Every reading command on one finished study: what it shows, and the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

READS = [
    (["status"], "tiny completed: 2 of 2 trials, 3 of 3 epochs"),
    (["studies", "ls"], "tiny    completed   small"),
    (["studies", "show", "tiny"], "reid-tune run --space"),
    (["trial", "ls"], "1   default"),
    (["trial", "show", "latest", 1], "tiny, trial 1: "),
    (["trial", "logs", "tiny", 1], "segment 1: completed"),
    (["best"], "Retrain     reid-tune best tiny --retrain"),
    (["report"], "Study tiny: 2 trials over small"),
    (["export-config"], "# Study tiny, trial "),
    (["space", "ls"], "optimizer"),
    (["space", "show", "bnneck"], "SOLVER.BASE_LR                 0.0001 to 0.01 (log)"),
    (["space", "sample", "bnneck"], "MODEL.HEADS.POOL_LAYER"),
    (["config", "ls"], "strong_baseline"),
    (["config", "show", "bnneck", "SOLVER"], "SOLVER.BASE_LR"),
    (["tasks"], "find the same identity"),
    (["doctor"], "1 study in"),
]


@pytest.mark.parametrize(("words", "shown"), READS, ids=lambda value: " ".join(map(str, value)))
def test_reads_for_people(cli, finished, words, shown):
    done = cli(*words)
    assert done.code == 0, done.err
    assert shown in done.out
    table = [line for line in done.out.splitlines() if "─" in line]
    assert all(len(line) <= 120 for line in table)


@pytest.mark.parametrize(("words", "shown"), READS, ids=lambda value: " ".join(map(str, value)))
def test_reads_for_programs(cli, finished, words, shown):
    done = cli(*words, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)


def test_a_study_is_named_by_name_id_or_latest(cli, finished):
    by_name = json.loads(cli("status", "tiny", "--json").out)
    assert json.loads(cli("status", by_name["id"], "--json").out) == by_name
    assert json.loads(cli("status", "latest", "--json").out) == by_name
    assert {trial["status"] for trial in by_name["trials"]} <= {"completed", "resting"}
    assert [trial["origin"] for trial in by_name["trials"]] == ["default", "prior"]


def test_names_of_keys_are_never_broken(cli, finished):
    shown = cli("space", "show", "optimizer").out
    for key in json.loads(cli("space", "show", "optimizer", "--json").out)["space"]["parameters"]:
        assert f"\n{key} " in shown


def test_events_are_json_lines_in_order(finished):
    events = [json.loads(line) for line in (finished / "events.jsonl").read_text().splitlines()]
    assert [event["seq"] for event in events] == list(range(2, 2 + len(events)))
    assert events[0]["kind"] == "controller_started"
    assert events[-1] == {**events[-1], "kind": "study_ended", "status": "completed"}
    assert sum(event["kind"] == "epoch_reported" for event in events) == 3


def test_unknown_study_suggests_the_near_one(cli, finished):
    done = cli("status", "tinny")
    assert done.code == 5
    assert done.err == "there is no study 'tinny'\n  hint: did you mean 'tiny'?\n"


def test_unknown_trial_says_how_many_there_are(cli, finished):
    done = cli("trial", "show", "tiny", 9)
    assert done.code == 5
    assert done.err == "study tiny has no trial 9\n  hint: it has 2 trials so far\n"


def test_no_study_yet(cli, home):
    assert "start one with: reid-tune --space bnneck.yaml --trials 12" in cli("studies", "ls").out
    done = cli("best")
    assert done.code == 5
    assert "there is no study" in done.err


def test_verbs_on_an_ended_study(cli, finished):
    for verb in ("pause", "stop"):
        done = cli("studies", verb, "tiny")
        assert (done.code, done.out) == (0, "tiny: has ended already: completed\n")
    done = cli("studies", "resume", "tiny")
    assert done.code == 6
    assert "study tiny is completed" in done.err


def test_running_an_ended_study_again_shows_it_and_writes_nothing(cli, finished):
    before = json.loads(cli("status", "--json").out)["revision"]
    done = cli("run", "--resume", "tiny")
    assert done.code == 0
    assert "Study tiny completed" in done.out
    assert json.loads(cli("status", "--json").out)["revision"] == before


def test_exported_configuration_trains(cli, finished, tmp_path: Path):
    file = tmp_path / "best.yaml"
    done = cli("export-config", "tiny", "--out", file)
    assert done.out == f"wrote {file}; train it with: reid-tune train --config {file}\n"
    assert yaml.safe_load(file.read_text())["MODEL"]["BACKBONE"]["DEPTH"] == "0.1x"
    known = json.loads(cli("config", "show", file, "--json").out)
    assert known == json.loads(cli("export-config", "tiny", "--json").out)


def test_export_to_a_folder_that_is_not_there(cli, finished, tmp_path: Path):
    done = cli("export-config", "tiny", "--out", tmp_path / "no" / "best.yaml")
    assert done.code == 2
    assert "no/best.yaml" in done.err


def test_sampled_configurations_are_the_same_for_a_seed(cli, finished):
    words = ("space", "sample", "optimizer", "-n", 20, "--seed", 7)
    assert cli(*words).out == cli(*words).out
    assert len(json.loads(cli(*words, "--json").out)["samples"]) == 20


def test_plan_of_the_design(cli, home, measured_plan):
    words = ("space", "plan", "bnneck", "--trials", 12, "--max-epochs", 60, "--min-epochs", 7, "--workers", 2)
    done = cli(*words)
    assert "12 trials, 242 epochs instead of 720 (34 %); 2 at a time" in done.out
    assert "about 4 min 42 s" in done.out
    assert json.loads(cli(*words, "--json").out)["plan"]["rungs"] == [7, 20, 60]


def test_plan_takes_the_space_as_run_spells_it(cli, home, space, measured_plan):
    plain, spelled = (cli("space", "plan", *words, "--json").out for words in ([space], ["--space", space]))
    assert plain == spelled != ""
    assert cli("space", "plan").code == 2


@pytest.mark.slow
def test_plan_measures_what_an_epoch_costs(cli, home, space):
    assert json.loads(cli("space", "plan", space, "--json").out)["seconds_per_epoch"] > 0


def test_a_loss_that_is_no_number_is_null_in_json(capsys):
    from orchestrator.cli.output import print_json
    from orchestrator.service.views import MetricsView

    print_json(MetricsView(revision=1, trial=[1], epoch=[1], metrics={"loss": [float("nan")], "mAP": [0.5]}))
    assert json.loads(capsys.readouterr().out)["metrics"] == {"loss": [None], "mAP": [0.5]}
