"""Every recorded call of a function against ours, and nothing in the folder that no test reads."""

from __future__ import annotations

import pytest
from golden_checks import CHECKS
from golden_folder import ARRAYS, FILES, FOLDER, Case, arrays, record


def test_every_file_of_the_folder_is_known():
    found = {path.name for path in FOLDER.iterdir() if path.name != "__pycache__"}
    assert found | {"README.md"} == FILES, f"{FOLDER} has other files than this test reads"


def test_every_array_of_the_folder_belongs_to_a_case_or_a_record():
    known = {name: set() for name in ARRAYS}
    for line in record("cases.json"):
        known[line["file"]] |= {*line["inputs"].values(), *line["outputs"].values()}
    known["models.npz"] |= {model["embedding"] for model in record("models.json").values()}
    trace = record("training.json")
    known["training.npz"] |= {f"{trace['name']}/{key}" for key in TRACE_ARRAYS}
    assert {name: set(arrays(name)) for name in ARRAYS} == known


TRACE_ARRAYS = ("targets", "losses", "parameter_norm", "embedding_after")


@pytest.mark.parametrize("line", [pytest.param(line, id=line["id"]) for line in record("cases.json")])
def test_recorded_case_is_ours_within_its_tolerance(line):
    assert line["function"] in CHECKS, f"nobody knows how to check {line['function']}"
    if lost := set(line["inputs"].values()) & set(line["outputs"].values()):
        pytest.skip(f"the record holds {sorted(lost)} once, as input and as output: the inputs were overwritten")
    case = Case(line)
    CHECKS[line["function"]](case)
    assert not case.left(), "the check passed over a part of the case"
