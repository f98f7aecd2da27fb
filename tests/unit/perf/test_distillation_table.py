"""The table of what distillation is worth: its rows, its configurations, and what is done again."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "perf" / "distillation_table.py"


@pytest.fixture(scope="module")
def made():
    spec = importlib.util.spec_from_file_location("distillation_table", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def result(row: str, seed: int, value: float) -> dict[str, object]:
    return {"data": "cows", "row": row, "seed": seed, "metrics": {"mAP": value, "rank1": value}}


def test_rows_are_the_students_alone_and_with_each_term(made):
    options = made.parsed(["--data", "cows"])
    kd = {row: made.student_config(options, "cows", row, Path("teacher.pt")).kd for row in made.ROWS}
    assert [one.enabled for one in kd.values()] == [False, True, True, True]
    assert [(one.logits.scale, one.overhaul.scale) for one in kd.values()] == [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.slow
def test_a_training_is_done_again_when_what_it_depends_on_changes_and_only_then(made):
    def key(*words: str, place: str = "a.pt", seed: int = 0, teacher: str = "t") -> str:
        options = made.parsed(["--data", "cows", *words])
        return made.key_of(made.student_config(options, "cows", "+ JS", Path(place)), seed, teacher)

    assert key() == key(place="b.pt") == key("--set", "DATALOADER.CACHE_DIR", "/elsewhere")
    assert len({key(), key(seed=1), key(teacher="u"), key("--epochs", "9"), key("--batch", "32")}) == 5


def test_gains_are_those_of_the_means_over_the_student_alone(made):
    rows = [result("teacher", 0, 0.8)]
    rows += [result("student alone", seed, value) for seed, value in enumerate((0.4, 0.5))]
    rows += [result("+ JS", seed, value) for seed, value in enumerate((0.5, 0.6))]
    lines = made.table(rows).splitlines()[2:]
    assert lines[0] == "| cows | teacher | 1 | 80.0 (80.0) | 80.0 |  |"
    assert lines[1] == "| cows | student alone | 2 | 45.0 ± 7.1 (40.0, 50.0) | 45.0 |  |"
    assert lines[2] == "| cows | + JS | 2 | 55.0 ± 7.1 (50.0, 60.0) | 55.0 | +10.0 |"
