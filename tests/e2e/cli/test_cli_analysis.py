"""`reid-tune report` with what the results say, and `trial show` with why a trial was chosen."""

from __future__ import annotations

import json

import pytest
from trials.studies import controller, created

from orchestrator.service.service import Service


@pytest.fixture(scope="module")
def finished_curves(tmp_path_factory):
    """A home with a finished study of twelve trials, named `curves`, in which only the learning rate matters."""
    home = tmp_path_factory.mktemp("curves")
    service = Service(home)
    first = created(trials=12)
    service.store.create_study(first, 0.0)
    controller(service.store, first.study, home / first.study).run()
    service.close()
    return home


@pytest.fixture
def curves(finished_curves, monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", str(finished_curves))


def test_report_ends_with_the_analysis(cli, curves):
    done = cli("report")
    assert done.code == 0, done.err
    titles = ["Importance", "Partial dependence", "What the model believes", "Expected gain"]
    lines = done.out.splitlines()
    assert [line for line in lines if line in titles] == titles
    table = [line.split() for line in lines[lines.index("Importance") : lines.index("Partial dependence")]]
    rows = [words[0] for words in table if words and words[0] in {"lr", "width"}]
    assert rows == ["lr", "width"]
    assert "One more full run is expected to gain" in done.out
    assert "study created in memory" not in done.err


def test_report_for_a_page_and_for_programs_have_it_too(cli, curves):
    page = cli("report", "--format", "md").out
    assert "| lr |" in page
    assert "**Expected gain**\n\nOne more full run" in page
    made = json.loads(cli("report", "--json").out)
    assert made["analysis"]["importance"]["parameters"][0]["name"] == "lr"
    assert made["analysis"]["gain"]["threshold"] == 0.002
    assert made["analysis"]["study"] == made["study"] == "curves"


def test_report_without_the_analysis_is_the_table_alone(cli, curves):
    assert "Importance" not in cli("report", "--no-analysis").out
    assert "Importance" not in cli("report", "--format", "latex").out
    assert json.loads(cli("report", "--no-analysis", "--json").out)["analysis"] is None


def test_trial_show_tells_why_it_was_chosen_and_promoted(cli, curves):
    finished = next(trial for trial in json.loads(cli("trial", "ls", "--json").out) if trial["epoch"] == 9)
    shown = cli("trial", "show", "curves", finished["id"]).out
    assert "Why it was tried, and trained from epoch to epoch:" in shown
    assert finished["reason"] in shown
    assert finished["advance_reason"] in shown
    told = json.loads(cli("trial", "show", "curves", finished["id"], "--json").out)
    assert told["segments"][-1]["reason"] == finished["advance_reason"]
