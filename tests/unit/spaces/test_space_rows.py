"""Spaces with rows: what each row is, how it fits a run, and each fault with its place."""

from __future__ import annotations

import pytest

from reid_core.errors import SpaceError
from search_spaces.describe import diff, settings, to_yaml
from search_spaces.load import load_space
from search_spaces.model import Space
from search_spaces.rows import Row, parents, row_values

ROWS = """\
name: steps
recipe: bnneck
budget: {max_epochs: 60}
rows:
  - name: plain
    set: {SOLVER.WARMUP_EPOCHS: 0, INPUT.REA.ENABLED: no, MODEL.LOSSES.CE.EPSILON: 0}
    published: {Market: {rank1: 87.7, mAP: 74}}
  - name: + warm-up
    set: {SOLVER.WARMUP_EPOCHS: 10}
  - name: + smoothing
    set: {MODEL.LOSSES.CE.EPSILON: 0.1}
published:
  - {name: Market, source: a paper}
"""


def values_of(loaded) -> dict:
    return row_values(loaded.space.rows, loaded.base)


def test_each_row_is_the_one_above_and_what_it_sets():
    loaded = load_space(ROWS)
    assert loaded.space.search.algorithm == "grid"
    assert values_of(loaded) == {
        "plain": {"SOLVER.WARMUP_EPOCHS": 0.0, "INPUT.REA.ENABLED": False, "MODEL.LOSSES.CE.EPSILON": 0.0},
        "+ warm-up": {"SOLVER.WARMUP_EPOCHS": 10.0, "INPUT.REA.ENABLED": False, "MODEL.LOSSES.CE.EPSILON": 0.0},
        "+ smoothing": {"SOLVER.WARMUP_EPOCHS": 10.0, "INPUT.REA.ENABLED": False, "MODEL.LOSSES.CE.EPSILON": 0.1},
    }


def test_a_row_may_add_to_another_one_or_to_the_recipe():
    rows = (
        Row(name="a", set={"X": 1}),
        Row(name="b", set={"Y": 1}),
        Row(name="c", set={"Z": 1}, adds_to="a"),
        Row(name="d", set={"Z": 2}, adds_to="recipe"),
        Row(name="e", set={"Y": 3}),
    )
    assert parents(rows) == {"a": None, "b": "a", "c": "a", "d": None, "e": "d"}
    base = {"X": 0, "Y": 0, "Z": 0, "OTHER": 5}
    assert list(row_values(rows, base).values()) == [
        {"X": 1, "Y": 0, "Z": 0},
        {"X": 1, "Y": 1, "Z": 0},
        {"X": 1, "Y": 0, "Z": 1},
        {"X": 0, "Y": 0, "Z": 2},
        {"X": 0, "Y": 3, "Z": 2},
    ]


def test_what_counts_in_epochs_is_scaled_with_the_run():
    loaded = load_space(ROWS, max_epochs=6)
    assert [values["SOLVER.WARMUP_EPOCHS"] for values in values_of(loaded).values()] == [0.0, 1.0, 1.0]
    assert loaded.base["SOLVER.MAX_EPOCH"] == 6


def test_an_option_wins_over_rows_and_a_row_with_nothing_left_goes():
    loaded = load_space(ROWS, overrides={"SOLVER.WARMUP_EPOCHS": 2.0})
    assert [row.name for row in loaded.space.rows] == ["plain", "+ smoothing"]
    assert parents(loaded.space.rows) == {"plain": None, "+ smoothing": "plain"}
    assert "SOLVER.WARMUP_EPOCHS" not in loaded.space.rows[0].set
    assert loaded.base["SOLVER.WARMUP_EPOCHS"] == 2.0
    assert any("row + warm-up is left out" in note for note in loaded.notes)


def test_who_added_to_a_row_that_is_gone_adds_to_what_it_added_to():
    text = ROWS.replace(
        "published:\n  - {name",
        "  - name: other\n    adds_to: + warm-up\n    set: {SOLVER.GAMMA: 0.2}\npublished:\n  - {name",
    )
    loaded = load_space(text, overrides={"SOLVER.WARMUP_EPOCHS": 2.0})
    assert parents(loaded.space.rows)["other"] == "plain"


@pytest.mark.slow
def test_rows_read_back_from_yaml_and_json():
    space = load_space(ROWS, max_epochs=6).space
    back = load_space(to_yaml(space)).space
    assert back == space
    assert diff(space, back) == []
    assert Space.model_validate_json(space.model_dump_json()) == space


def test_differences_of_rows_are_told():
    before, after = load_space(ROWS).space, load_space(ROWS.replace("WARMUP_EPOCHS: 10", "WARMUP_EPOCHS: 5")).space
    assert diff(before, after) == ["rows.+ warm-up.SOLVER.WARMUP_EPOCHS: 10.0 -> 5.0"]
    turned = before.model_copy(update={"rows": before.rows[:1] + before.rows[:0:-1]})
    assert diff(before, turned) == ["rows: in another order"]


def test_rows_are_told_with_what_they_set():
    assert settings(load_space(ROWS))[1] == ("+ warm-up", "SOLVER.WARMUP_EPOCHS 10")


def test_rows_need_no_recipe():
    loaded = load_space("rows:\n  - {name: a, set: {lr: 1}}\n  - {name: b, set: {lr: 2}}\n")
    assert values_of(loaded) == {"a": {"lr": 1}, "b": {"lr": 2}}


def test_rows_train_in_full_however_short():
    text = "recipe: demo\nbudget: {max_epochs: 2}\nrows:\n  - {name: a}\n"
    assert load_space(text).space.budget.max_epochs == 2


HEAD = "recipe: bnneck\nrows:\n  - {name: a, set: {SOLVER.GAMMA: 0.1}}\n"


@pytest.mark.parametrize(
    ("text", "code", "place", "says"),
    [
        (HEAD + "  - {name: b, set: {SOLVER.GAMA: 0.2}}\n", "unknown-key", (4, 21), "SOLVER.GAMMA"),
        (HEAD + "  - {name: b, set: {SOLVER.GAMMA: x}}\n", "wrong-type", (4, 21), "number"),
        (HEAD + "  - {name: b, set: {SOLVER.GAMMA: 7}}\n", "out-of-range", (4, 21), "at most 1"),
        (HEAD + "  - {name: b, set: {SOLVER.MAX_EPOCH: 7}}\n", "budget-key", (4, 21), "budget.max_epochs"),
        (HEAD + "  - {name: a, set: {SOLVER.GAMMA: 0.2}}\n", "duplicate-row", (4, 6), "two rows"),
        (HEAD + "  - {name: recipe, set: {SOLVER.GAMMA: 0.2}}\n", "duplicate-row", (4, 6), "recipe's own"),
        (HEAD + "  - {name: b}\n", "empty-row", (4, 5), "sets nothing"),
        (HEAD + "  - {set: {SOLVER.GAMMA: 0.2}}\n", "missing-key", (4, 5), "no name"),
        (HEAD + "  - {name: b, sett: {SOLVER.GAMMA: 0.2}}\n", "unknown-key", (4, 15), "set"),
        (
            HEAD + "  - {name: b, set: {SOLVER.GAMMA: 0.2}, adds_to: c}\n",
            "unknown-row",
            (4, 41),
            "there is no row c above b",
        ),
        (
            HEAD + "  - {name: b, set: {SOLVER.OPT: SGD, SOLVER.NESTEROV: yes, SOLVER.MOMENTUM: 0}}\n",
            "impossible",
            (4, 38),
            "row b: Nesterov",
        ),
        (HEAD + "fixed: {SOLVER.GAMMA: 0.3}\n", "fixed-and-varied", (3, 21), "both"),
        (
            HEAD + "parameters:\n  SOLVER.BASE_LR: {type: float, low: 1e-4, high: 1e-2}\n",
            "parameters-and-rows",
            (2, 1),
            "not both",
        ),
        (HEAD + "search: {algorithm: bohb}\n", "rows-need-grid", (4, 10), "leave it out"),
        (HEAD + "search: {seeds: 0}\n", "out-of-range", (4, 10), "1"),
        (HEAD + "constraints:\n  - SOLVER.GAMMA > 0.5\n", "constraint", (3, 5), "row a: "),
        ("recipe: bnneck\nrows: {a: 1}\n", "wrong-type", (2, 1), "list"),
        (
            "recipe: bnneck\nrows:\n  - {name: a, set: {}, published: {M: {mAP: 50}}}\n",
            "unknown-column",
            (3, 36),
            "published",
        ),
        (
            "recipe: bnneck\nrows:\n  - {name: a, published: {M: {map: 50}}}\npublished:\n  - {name: M}\n",
            "unknown-metric",
            (3, 31),
            "did you mean mAP",
        ),
        (
            "recipe: bnneck\nrows:\n  - {name: a, published: {M: {mAP: 150}}}\npublished:\n  - {name: M}\n",
            "out-of-range",
            (3, 31),
            "100",
        ),
    ],
)  # fmt: skip
def test_fault_of_a_row_is_told_with_its_place_and_remedy(text, code, place, says):
    with pytest.raises(SpaceError) as caught:
        load_space(text)
    found = caught.value.findings
    assert [(one.code, (one.line, one.col)) for one in found] == [(code, place)]
    assert says in str(found[0])


@pytest.mark.parametrize(
    ("grid", "says"),
    [("[0.5, 2.0]", "outside"), ("[0.5, 0.5]", "twice"), ("[x]", "number")],
)
def test_a_grid_stays_inside_its_parameter(grid, says):
    text = f"recipe: bnneck\nparameters:\n  INPUT.REA.PROB: {{type: float, low: 0, high: 1, grid: {grid}}}\n"
    with pytest.raises(SpaceError, match=says):
        load_space(text)


def test_a_grid_that_counts_in_epochs_is_scaled():
    text = "recipe: bnneck\nparameters:\n  SOLVER.WARMUP_EPOCHS: {type: float, low: 0, high: 20, grid: [0, 5, 10]}\n"
    parameter = load_space(text, max_epochs=30).space.parameters["SOLVER.WARMUP_EPOCHS"]
    assert (parameter.low, parameter.high, parameter.grid) == (0.0, 10.0, (0.0, 2.5, 5.0))
