"""`reid-tune report` and the grid's options on the command line: a study with rows in every format."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import nbformat
import pytest
from cli_space import SPACE
from trials.studies import controller

from orchestrator.backends.inline import InlineBackend
from orchestrator.events import StudyCreated
from orchestrator.search import full_runs
from orchestrator.service.service import Service
from reid_core.api import Protocol
from search_spaces.model import Search, Space
from search_spaces.rows import Published, Row

ROWS = Space(
    name="steps",
    description="A & B",
    search=Search(algorithm="grid", seeds=2),
    rows=(
        Row(name="plain", set={"A": 0}, published={"Market": {"mAP": 74.0}}),
        Row(name="+ a_1", set={"A": 1}),
    ),
    published=(Published(name="Market", source="a paper"),),
)


_TOLD = (
    "import json; print(json.dumps([trials['mAP'].tolist(), float(best['mAP'].iloc[-1]), curves['trial'].nunique()]))"
)


@pytest.fixture
def steps(home):
    """A finished study with rows, named `steps`; its trials report what they are given, without training."""
    created = StudyCreated(
        study="g", name="steps", space=ROWS, base={"A": 9}, plan=full_runs(2, 3, 4), seed=10, algorithm="grid",
        backend="inline", workers=1, data="9 images", protocol=Protocol.TEST,
    )  # fmt: skip
    service = Service(home)
    service.store.create_study(created, 0.0)
    controller(service.store, "g", home / "g", InlineBackend("trials.seeds:SeedTrial")).run()
    service.close()


def test_report_of_rows_for_people(cli, steps):
    done = cli("report")
    assert done.code == 0, done.err
    assert "steps: A & B" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    assert ["plain", "2", "10.7", "±", "0.7", "-", "-", "-", "74.0"] in lines
    assert ["+", "a_1", "2", "20.7", "±", "0.7", "-", "-", "+10.0", "±", "0.0", "-"] in lines
    assert "measured once on the test split after 2 epochs" in " ".join(done.out.split())


def test_report_of_rows_for_a_page_and_a_paper(cli, steps):
    page = cli("report", "steps", "--format", "md", "--metric", "mAP").out
    assert "| + a\\_1 | 2 | 20.7 ± 0.7 | +10.0 ± 0.0 | - |" in page
    assert "Published: Market: a paper" in page
    paper = cli("report", "steps", "--format", "latex", "--metric", "mAP").out
    assert r"+ a\_1 & 2 & 20.7 $\pm$ 0.7 & +10.0 $\pm$ 0.0 & - \\" in paper
    assert r"A \& B" in paper


def test_report_of_rows_for_programs(cli, steps):
    made = json.loads(cli("report", "steps", "--format", "json").out)
    assert made == json.loads(cli("report", "steps", "--json").out)
    assert made["protocol"] == "test"
    assert [row["metrics"]["mAP"]["count"] for row in made["rows"]] == [2, 2]
    assert made["rows"][0]["published"] == {"Market": {"mAP": 0.74}}


def test_trials_of_a_grid_are_named_by_row_and_seed(cli, steps):
    assert "+ a_1, seed 11" in cli("trial", "ls").out
    assert "+ a_1, seed 11" in cli("status").out
    done = cli("best")
    assert done.code == 2
    assert "nothing may be chosen on it" in done.err


def test_report_of_a_metric_that_nobody_reports(cli, steps):
    done = cli("report", "steps", "--metric", "map,rank1")
    assert done.code == 2
    assert "did you mean mAP?" in done.err


def test_report_of_a_search_lists_its_trials(cli, finished):
    page = cli("report", "tiny", "--format", "md").out
    assert "| trial | origin | epoch |" in page
    assert page.count("\n| ") == 4


def test_options_of_a_grid_are_refused_elsewhere(cli, home, space, measured_plan):
    done = cli("space", "plan", space, "--seeds", 3)
    assert done.code == 3
    assert "--seeds: error[seeds-need-grid]" in done.err
    assert "has no finite list" in cli("space", "plan", space, "--algorithm", "grid").err
    assert cli("space", "plan", space, "--seeds", 0).code == 2


def test_plan_and_samples_of_rows(cli, home, tmp_path, measured_plan):
    file = tmp_path / "rows.yaml"
    head = SPACE.partition("parameters:")[0].replace("name: small", "name: rows")
    file.write_text(head + "rows:\n  - {name: plain}\n  - {name: + flat, set: {INPUT.REA.PROB: 0.2}}\n")
    done = cli("space", "plan", file, "--seeds", 3)
    assert "grid: 2 rows x 3 seeds, each in full" in done.out
    assert "6 trials, 12 epochs" in done.out
    assert "+ flat   INPUT.REA.PROB 0.2" in cli("space", "show", file).out
    assert cli("space", "sample", file).code == 2
    assert "valid, 2 rows" in cli("space", "validate", file).out


def test_report_as_a_notebook_runs_and_holds_every_number(cli, steps, tmp_path):
    done = cli("report", "steps", "--format", "ipynb")
    assert done.code == 0, done.err
    made = nbformat.reads(done.out, as_version=4)
    told = [cell.source for cell in made.cells if cell.cell_type == "markdown"]
    assert told[0].startswith("**steps**")
    assert "+ a\\_1" in told[1]
    code = [cell.source for cell in made.cells if cell.cell_type == "code"]
    script = "\n".join([*code, _TOLD])
    settings = {**os.environ, "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=tmp_path, env=settings, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    study = json.loads(cli("trial", "ls", "steps", "--json").out)
    values = [trial["metrics"]["mAP"] for trial in study]
    shown, best, drawn = json.loads(run.stdout)
    assert sorted(shown) == pytest.approx(sorted(values))
    assert (best, drawn) == (pytest.approx(max(values)), 4)
