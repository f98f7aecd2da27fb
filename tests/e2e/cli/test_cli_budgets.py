"""Budgets, configurations to try first, warm start and confirmation on the command line, with real small trainings."""

from __future__ import annotations

import json
import shutil

import pytest
from cli_space import RUN, SPACE

LIMITED = ("--algorithm", "hyperband", "--epochs", 9, "--confirm", 1, "--wall-time", "1h", "--target", "mAP>=1")


@pytest.fixture
def plan(cli, home, space, measured_plan):
    """`space plan` of the small space as JSON."""

    def made(*words: object) -> dict:
        done = cli("space", "plan", space, "--json", *words)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return made


def test_epochs_alone_decide_how_many_trials_there_are(plan):
    assert plan()["plan"]["brackets"] == [{"rungs": [1, 2], "sizes": [2, 1]}]
    view = plan("--epochs", 8)
    sizes = [bracket["sizes"] for bracket in view["plan"]["brackets"]]
    assert sizes == [[2, 1], [1], [2, 1]]  # 3 + 2 + 3 epochs
    assert [limit["text"] for limit in view["limits"]] == ["0 of 8 epochs"]
    assert len(plan("--epochs", 8, "--trials", 12)["plan"]["brackets"]) > 3


def test_confirming_is_in_the_plan_and_keeps_epochs_back(plan):
    view = plan("--trials", 4, "--confirm", 3)
    assert (view["confirm"], view["confirm_epochs"]) == (3, 18)
    without = plan("--trials", 4, "--workers", 1)["seconds"]
    assert plan("--trials", 4, "--workers", 1, "--confirm", 3)["seconds"] == pytest.approx(without + 2.0 * 18)
    kept_back = plan("--epochs", 11, "--confirm", 1)["plan"]["brackets"]
    assert [bracket["sizes"] for bracket in kept_back] == [[2, 1], [1]]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--wall-time", "soon"), 3, "--wall-time: error[bad-wall-time]: 'soon' is not a time; give a number and a"),
        (("--target", "mAP"), 3, "--target: error[bad-target]: 'mAP' is not a target; write METRIC >= VALUE"),
        (("--target", "mAP >= 60"), 3, "error[out-of-range]: mAP is a fraction in [0, 1], not 60; write 0.6 for 60 %"),
        (("--target", "mAP <= 0.99"), 3, "error[target-against-goal]: mAP is better the higher it is"),
        (("--wall-time", ""), 2, "--wall-time"),
        (("--target", " "), 2, "it is empty: give a value, or leave the option out"),
        (("--algorithm", ""), 2, "--algorithm"),
        (("--schedule", ""), 2, "--schedule"),
        (("--enqueue", ""), 2, "--enqueue"),
        (("--gpu-hours", 2), 3, "--gpu-hours: error[gpu-hours-need-gpu]: trials run without a GPU"),
        (("--gpu-hours", 0), 2, "--gpu-hours is 0"),
        (("--epochs", 1), 3, "--epochs: error[budget]: 1 epochs do not pay for one full run of 2"),
        (("--epochs", 7, "--confirm", 1), 3, "without the 6 that confirming the finalists takes; give at least 8"),
        (("--confirm", -1), 2, "--confirm is -1"),
        (("--warm-start", "nobody"), 5, "nobody"),
        (
            ("--enqueue", '[{"SOLVER.BASE_LR": 5}]'),
            3,
            "--enqueue: error[out-of-range]: configuration 1: SOLVER.BASE_LR",
        ),
        (("--enqueue", '[{"SOLVER.BASELR": 5}]'), 3, "did you mean SOLVER.BASE_LR?"),
        (("--enqueue", str([{}] * 1001)), 3, "--enqueue: error[too-many-enqueued]: 1001 configurations"),
        (("--warm-start", "latest") * 11, 2, "--warm-start names 11 studies"),
        (("--enqueue", "nowhere.json"), 3, "error[unreadable]: nowhere.json cannot be read"),
        (("--enqueue", '[{"INPUT.REA.PROB": 0.1}, {}, {"INPUT.REA.PROB": 0.2}]'), 3, "give at least --trials 3"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(cli, home, space, words, code, message):
    done = cli(*RUN, "--space", space, *words)
    assert (done.code, message in done.err) == (code, True), done.err
    assert cli("studies", "ls", "--json").out == "[]\n"


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        (1, "the only finalist gets 3 new seeds: at most 6 epochs"),
        (2, "the best 2 get 3 new seeds each: at most 12 epochs"),
        (9, "the best 3 get 3 new seeds each: at most 18 epochs"),
    ],
)
def test_the_plan_tells_how_many_finalists_there_can_be(cli, home, space, measured_plan, trials, told):
    done = cli("space", "plan", space, "--trials", trials, "--confirm", 3)
    assert told in done.out


def test_the_plan_tells_what_it_leaves_out_of_the_enqueued(cli, home, space, measured_plan):
    done = cli("space", "plan", space, "--enqueue", "[{}]")
    assert "configuration 1 of --enqueue equals the recipe's own and is left out" in done.out
    assert "enqueued configuration" not in done.out


def test_a_file_of_configurations_is_named_with_the_place_of_its_fault(cli, home, space, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text('[{"INPUT.REA.PROB": 0.1},\n {"INPUT.REA.PROB": }]')
    assert f"{file}:2:21: error[syntax]: not JSON" in cli("space", "plan", space, "--enqueue", file).err
    file.write_text('[{"INPUT.REA.PROB": 0.1}, {"INPUT.REA.PROB": 7}]')
    done = cli("space", "plan", space, "--enqueue", file)
    assert f"{file}: error[out-of-range]: configuration 2: INPUT.REA.PROB" in done.err


def test_a_grid_has_no_use_for_any_of_it(cli, home):
    done = cli("space", "plan", "bag_of_tricks_ablation", "--confirm", 2, "--enqueue", "[{}]")
    assert done.code == 3
    assert "--confirm: error[confirm-needs-search]" in done.err
    assert "--enqueue: error[enqueue-needs-search]" in done.err


@pytest.fixture
def limited(cli, home, space, tmp_path):
    """A finished study named `first`: one enqueued configuration, nine epochs, one new seed for each finalist."""
    file = tmp_path / "mine.json"
    file.write_text('[{"values": {"SOLVER.BASE_LR": 0.002}}]')
    done = cli(*RUN, "--space", space, *LIMITED, "--enqueue", file, "--name", "first")
    assert done.code == 0, done.err
    return json.loads(cli("status", "first", "--json").out)


def test_a_limited_study_and_one_that_starts_from_it(cli, space, limited):
    trials = {row["id"]: row for row in limited["trials"]}
    assert [trials[number]["origin"] for number in (1, 2)] == ["default", "user"]
    assert trials[2]["values"]["SOLVER.BASE_LR"] == 0.002
    again = [row for row in trials.values() if row["confirms"] is not None]
    assert again
    assert all(row["seed"] == 1 and row["values"] == trials[row["confirms"]]["values"] for row in again)
    assert limited["epochs_spent"] <= 9
    assert (limited["best"]["runs"], limited["best"]["trial"] in {row["confirms"] for row in again}) == (2, True)
    assert [limit["kind"] for limit in limited["limits"]] == ["epochs", "wall_time", "target"]
    assert "limits: " in cli("status", "first").out
    assert "±" in cli("report", "first").out
    assert f"(trial {limited['best']['trial']}" in cli("best", "first").out

    words = (*LIMITED, "--enqueue", '[{"SOLVER.BASE_LR": 0.002}]')
    assert cli(*RUN, "--space", space, *words, "--resume", "first").code == 0
    changed = cli(*RUN, "--space", space, *words, "--target", "mAP>=0.9", "--resume", "first")
    assert (changed.code, "target mAP >= 0.9" in changed.err) == (6, True)
    refused = cli(*RUN, "--resume", "first", "--epochs", 99)
    assert (refused.code, "--warm-start first" in refused.err) == (2, True)

    words = ("--space", space, "--algorithm", "hyperband", "--warm-start", "latest")
    told = cli("space", "plan", *words[1:]).out
    assert ("of study first, comparable" in told, "other data" in told) == (True, False)
    done = cli(*RUN, *words, "--name", "second")
    assert done.code == 0, done.err
    second = json.loads(cli("status", "second", "--json").out)
    assert second["warm_start"][0]["study"] == "first"
    assert second["warm_start"][0]["same_data"] is True
    assert "--warm-start first" in second["command"]
    prior = [row for row in second["trials"] if "the best configuration of study first" in row["reason"]]
    assert [row["origin"] for row in prior] in (["prior"], [])  # none when the default itself was the best
    assert "Warm start from first" in cli("report", "second").out


def test_the_recorded_command_makes_the_same_study(cli, home, space, limited, tmp_path):
    import shlex

    words = shlex.split(limited["command"])[2:]
    shutil.rmtree(home)
    assert cli(*RUN[:1], *words, "--no-mlflow", "--events", "--name", "again").code == 0
    again = json.loads(cli("status", "again", "--json").out)
    assert [row["values"] for row in again["trials"]] == [row["values"] for row in limited["trials"]]


def test_limits_of_a_space_hold_without_options_and_below_them(cli, home, space, measured_plan):
    space.write_text(SPACE.replace("trials: 2}", "epochs: 5, target: mAP >= 0.9}"))
    told = json.loads(cli("space", "plan", space, "--json").out)
    assert [limit["text"] for limit in told["limits"]] == ["0 of 5 epochs", "target mAP >= 0.9"]
    assert [bracket["sizes"] for bracket in told["plan"]["brackets"]] == [[2, 1], [1]]
    told = json.loads(cli("space", "plan", space, "--epochs", 3, "--json").out)
    assert told["limits"][0]["text"] == "0 of 3 epochs"
