"""The filter over trials: one table of cases for the server's and the browser's reading of it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.service.trials.filter import FieldKind, compile_filter, trial_filter
from orchestrator.service.trials.grammar import FilterFault, parse_filter
from reid_core.errors import InvalidInput

PLACE = Path(__file__).with_name("trial_filter_cases.json")
TABLE = json.loads(PLACE.read_text())
FIELDS = {name: FieldKind(kind) for name, kind in TABLE["fields"].items()}
MODULE = Path(__file__).resolve().parents[3] / "dashboards" / "static" / "js" / "filter.js"
RUNNER = """
import { readFileSync } from "node:fs";
const { compileFilter, FilterFault } = await import(process.argv[2]);
const { fields, rows, cases } = JSON.parse(readFileSync(process.argv[3]));
console.log(JSON.stringify(cases.map(({ filter }) => {
  try {
    const test = compileFilter(filter, fields);
    return { filter, trials: rows.filter((row) => test((name) => row[name] ?? null)).map((row) => row.trial) };
  } catch (fault) {
    if (!(fault instanceof FilterFault)) throw fault;
    return { filter, error: fault.message, column: fault.column };
  }
})));
"""


def said(case, answer):
    """The server adds a guess of what was meant to a name that is not there."""
    known = case.get("error", "\0")
    return {**answer, "error": known} if answer["error"].startswith(known) else answer


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["filter"] or "empty")
def test_filter_passes_the_trials_of_the_table(case):
    try:
        test = compile_filter(case["filter"], FIELDS)
        answer = {"filter": case["filter"], "trials": [row["trial"] for row in TABLE["rows"] if test(row)]}
    except FilterFault as fault:
        answer = said(case, {"filter": case["filter"], "error": fault.message, "column": fault.column})
    assert answer == case


@pytest.mark.slow
def test_browser_reads_every_filter_as_the_server_does(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    runner = tmp_path / "runner.mjs"
    runner.write_text(RUNNER)
    module = tmp_path / "filter.mjs"
    module.write_text(MODULE.read_text())
    done = subprocess.run([node, str(runner), str(module), str(PLACE)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == TABLE["cases"]


def test_a_fault_is_told_with_its_column_and_an_example():
    with pytest.raises(InvalidInput) as raised:
        trial_filter("state = failed and rank1 >", FIELDS)
    (finding,) = raised.value.findings
    assert (finding.code, finding.col, finding.key) == ("bad-filter", 27, "filter")
    assert "for example" in finding.hint


def test_a_misspelt_name_is_guessed():
    with pytest.raises(FilterFault, match=r"did you mean SOLVER\.BASE_LR"):
        compile_filter("BASELR > 1", FIELDS)


def test_an_endless_filter_is_refused_before_it_is_read():
    with pytest.raises(FilterFault, match="longer than 1000"):
        parse_filter("a or " * 1000)


def test_whole_numbers_of_hundreds_of_digits_are_compared_not_refused():
    test = compile_filter("a > 1 and a != 7 and not a < 0", {"a": FieldKind.ANY})
    assert test({"a": 10**400})
    assert not test({"a": -(10**400)})
