"""Interrupted, killed, crowded out, unread: a study keeps what it has and goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
import yaml
from cli_space import RUN
from trials.spaces import TINY

from orchestrator.backends.usage import USAGE
from orchestrator.service.service import Service

pytestmark = pytest.mark.slow

CLOCKS = {"seconds", "images_per_second", "data_wait", *USAGE}


def until(process: subprocess.Popen[str], kind: str, count: int = 1) -> None:
    """Read events until the `count`th one of this kind."""
    assert process.stdout is not None
    for line in process.stdout:
        count -= json.loads(line)["kind"] == kind
        if count == 0:
            return
    raise AssertionError(f"the events ended before {kind}; {process.communicate()[1]}")


def curves(cli, study: str) -> list[dict[int, dict[str, float]]]:
    """Every metric of every epoch of every trial but those that tell the time."""
    found = []
    for trial in json.loads(cli("trial", "ls", study, "--json").out):
        detail = json.loads(cli("trial", "show", study, trial["id"], "--json").out)
        names = sorted(set(detail["curves"]) - CLOCKS)
        found.append(
            {
                epoch: {name: detail["curves"][name][index] for name in names}
                for index, epoch in enumerate(detail["epochs"])
            }
        )
    return found


def test_ctrl_c_saves_and_resume_finishes(cli, start, home, space):
    process = start(*RUN, "--space", space, "--name", "held")
    until(process, "segment_started")
    second = cli("run", "--resume", "held")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)

    assert second.code == 6
    assert "study held is already run by" in second.err
    assert process.returncode == 130
    assert "Ctrl-C (again: stop now): finishing the running epochs and saving" in err
    assert "reid-tune run --resume held" in err
    assert "Traceback" not in err
    shown = cli("status", "held")
    assert "held paused: 1 of 2 trials" in shown.out
    assert "continue with: reid-tune run --resume held" in shown.out
    assert cli("run", "--resume", "held", "--no-mlflow").code == 0
    asked = [event.text for event in Service().events("held") if event.kind == "command_given"]
    assert [text.split(" asked by ")[0] for text in asked] == ["pause", "resume"]
    assert asked[1].endswith("on the command line")
    assert "held completed: 2 of 2 trials, 3 of 3 epochs" in cli("status", "held").out


def test_second_ctrl_c_stops_now(cli, start, home, space):
    many = ("--set", "DATASETS.SYNTHETIC.IMAGES", 120)  # an epoch takes seconds
    process = start(*RUN, "--space", space, "--name", "hasty", *many)
    until(process, "segment_started")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while "Ctrl-C" not in (line := process.stderr.readline()):
        assert line, "ended without a word"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "stopped now; every finished epoch is kept. Continue with:\n  reid-tune run --resume hasty" in err
    assert "Traceback" not in err
    told = cli("status", "hasty").out  # paused: the first signal came before the epoch began
    assert "hasty interrupted" in told or "hasty paused" in told


def test_sigterm_saves_within_the_epoch_and_resume_goes_on_there(cli, start, home, space):
    many = ("--set", "DATASETS.SYNTHETIC.IMAGES", 120)  # an epoch takes seconds
    process = start(*RUN, "--backend", "processes", "--space", space, "--name", "spot", *many)
    until(process, "segment_started")
    (log,) = until_there(home.glob, "studies/*/trials/0001/trial.log")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "SIGTERM (again: stop now): saving within the running epochs. Continue later with" in err
    assert "left within epoch 1 after" in log.read_text()
    assert cli("run", "--resume", "spot", "--no-mlflow").code == 0
    assert "goes on within epoch 1, after" in log.read_text()
    assert "spot completed: 2 of 2 trials, 3 of 3 epochs" in cli("status", "spot").out


@pytest.mark.parametrize(
    ("number", "told", "kept"),
    [
        (signal.SIGTERM, "saving within the running epochs", "unfinished-epoch.part"),
        (signal.SIGINT, "finishing the running epochs and saving", "epoch-0002.pt"),
    ],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_train_saves_what_it_has_and_resume_goes_on_there(cli, start, home, tmp_path, number, told, kept):
    recipe, out = tmp_path / "tiny.yaml", tmp_path / "out"
    fixed = yaml.safe_load(TINY)["fixed"] | {"DATASETS.SYNTHETIC.IMAGES": 120, "SOLVER.MAX_EPOCH": 3}
    recipe.write_text(yaml.safe_dump({"_BASE_": "demo"}) + "".join(f"{key}: {value}\n" for key, value in fixed.items()))
    words = ("train", "--config", recipe, "--out", out, "--threads", 1)
    process = start(*words)
    assert process.stdout is not None
    while "epoch   1/3" not in (line := process.stdout.readline()):
        assert line, process.communicate()[1]
    time.sleep(0.5)  # into the second epoch, which takes seconds: a signal before its first step ends at the first
    process.send_signal(number)
    said, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert told in err
    assert err.rstrip().endswith(" --resume")
    assert "Traceback" not in err
    assert "Model " not in said
    assert (out / kept).is_file()
    again = cli(*words, "--resume")
    assert again.code == 0, again.err
    assert ("goes on within epoch 2" in again.out) == (number == signal.SIGTERM)
    assert "epoch   3/3" in again.out


def until_there(glob, pattern):
    """The files, once there are some."""
    end = time.monotonic() + 60
    while not (found := list(glob(pattern))):
        assert time.monotonic() < end, pattern
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("epochs", [1, 2])
def test_killed_and_resumed_equals_the_uninterrupted_study(cli, start, finished_home, tmp_path, monkeypatch, epochs):
    monkeypatch.setenv("REID_TUNE_HOME", str(finished_home))
    uninterrupted = curves(cli, "tiny")
    monkeypatch.setenv("REID_TUNE_HOME", str(tmp_path / "killed"))
    process = start(*RUN, "--space", finished_home / "small.yaml", "--name", "killed")
    until(process, "epoch_reported", epochs)
    process.kill()
    process.communicate()
    told = cli("status", "killed").out
    assert "killed interrupted" in told
    assert "running" not in told

    assert cli("run", "--resume", "killed", "--no-mlflow").code == 0
    assert curves(cli, "killed") == uninterrupted


def test_pause_and_stop_from_another_terminal(cli, start, home, space):
    process = start(*RUN, "--space", space, "--name", "far")
    until(process, "segment_started")
    asked = cli("studies", "pause", "far")
    process.communicate(timeout=120)
    assert (asked.code, process.returncode) == (0, 130)
    assert "asked to pause; continue with `reid-tune studies resume far`" in asked.out

    asked = cli("studies", "stop", "far")
    assert asked.code == 0
    log = home / "studies" / json.loads(cli("status", "far", "--json").out)["id"] / "controller.log"
    for _ in range(300):
        if json.loads(cli("status", "far", "--json").out)["status"] == "stopped":
            break
        time.sleep(0.2)
    else:
        raise AssertionError(log.read_text())


def test_reader_that_leaves_pauses_the_study(cli, start, home, space):
    process = start(*RUN, "--space", space, "--name", "unread")
    until(process, "segment_started")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(timeout=120) == 130
    assert "the output was closed: finishing the running epochs and saving" in err
    assert "Traceback" not in err
    assert "unread paused" in cli("status", "unread").out


def test_closed_pipe_is_quiet(finished):
    line = f"set -o pipefail; {sys.executable} -m orchestrator.cli config show bnneck | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


def test_study_ends_although_mlflow_cannot_be_written_and_sync_fills_the_gap(cli, home, space, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{blocked}/mlflow.db")
    words = ("--space", space, "--name", "alone", "--trials", 1, "--max-epochs", 1)
    done = cli("run", "--backend", "inline", "--events", *words)
    assert done.code == 0
    assert "MLflow misses" in done.err
    assert "reid-tune mlflow sync alone" in done.err
    failed = cli("mlflow", "sync", "alone")
    assert failed.code == 4
    assert "run `reid-tune mlflow sync` again" in failed.err

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    done = cli("mlflow", "sync", "alone")
    assert done.code == 0
    assert "MLflow has all" in done.out


def test_serve_answers_and_ends_with_ctrl_c(start, finished):
    process = start("serve", "--port", 0)
    assert process.stderr is not None
    address = process.stderr.readline().split()[1]
    with urllib.request.urlopen(f"{address}/healthz", timeout=30) as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in {0, 130}
    assert "Traceback" not in err
