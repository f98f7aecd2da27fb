"""A space in words: rows, YAML that reads back, differences."""

from __future__ import annotations

import pytest

from search_spaces import catalog
from search_spaces.describe import diff, rows, to_yaml
from search_spaces.load import load_space
from search_spaces.model import Choice, Float, Int, Objective, Space


def test_rows_tell_range_scale_default_condition_and_help():
    table = {row.name: row for row in rows(load_space("bnneck"))}
    assert list(table) == list(load_space("bnneck").space.parameters)
    rate, margin = table["SOLVER.BASE_LR"], table["MODEL.LOSSES.TRI.MARGIN"]
    assert (rate.type, rate.range, rate.scale, rate.default) == ("float", "0.0001 to 0.01", "log", "0.00035")
    assert rate.condition == ""
    assert "learning rate" in rate.help
    assert margin.condition == "MODEL.LOSSES.TRI.SOFT_MARGIN = false"
    assert table["DATALOADER.NUM_INSTANCE"].range == "2, 4, 8"


TRICKY = Space(
    name="yes",
    description="1e5",
    objective=(Objective(metric="loss"), Objective(metric="mAP")),
    fixed={"a.b": "no", "c": "(1, 2)", "d": None, "e": 1e-7, "f": [1.0, 2.0], "g": "3e-4", "h": "x: y", "i": 1e22},
    parameters={
        "x": Float(low=1e-9, high=1e5, log=True, when={"y": ["on", True]}, help="what: 'quoted' # here"),
        "y": Choice(values=("on", True, 1.5, None, [1, 2.0], "1e5"), ordered=True, prior="on"),
        "n": Int(low=1, high=9, step=2, prior=3),
    },
    constraints=("n > 0 and 'a' != \"b\"",),
)


@pytest.mark.slow
@pytest.mark.parametrize("space", [TRICKY, *(load_space(name).space for name in catalog.names())], ids=lambda s: s.name)
def test_yaml_reads_back_as_the_same_space(space):
    back = load_space(to_yaml(space)).space
    assert diff(space, back) == []
    assert back == space
    assert back.model_dump_json() == space.model_dump_json()


def test_yaml_of_a_study_with_options_needs_no_options():
    made = load_space("bnneck", max_epochs=9, overrides={"MODEL.LOSSES.TRI.SOFT_MARGIN": True, "SOLVER.OPT": "SGD"})
    back = load_space(to_yaml(made.space))
    assert back.space == made.space


def test_space_survives_json():
    assert Space.model_validate_json(TRICKY.model_dump_json()) == TRICKY


def test_same_spaces_do_not_differ():
    assert diff(load_space("bnneck").space, load_space("bnneck").space) == []


def test_difference_is_told_field_by_field():
    before = load_space("bnneck").space
    after = load_space(
        catalog.read("bnneck")
        .replace("high: 1.0e-2", "high: 2.0e-2")
        .replace("max_epochs: 60", "max_epochs: 30")
        .replace("  INPUT.REA.PROB: {type: float, low: 0.0, high: 0.8}\n", "")
        .replace("[2, 4, 8]", "[2, 4]")
    ).space
    assert diff(before, after)[:2] == ["budget.max_epochs: 60 -> 30", "parameters.SOLVER.BASE_LR.high: 0.01 -> 0.02"]
    told = "\n".join(diff(before, after))
    assert "parameters.DATALOADER.NUM_INSTANCE.values: [2, 4, 8] -> [2, 4]" in told
    assert "parameters.INPUT.REA.PROB.low: 0.0 -> removed" in told


def test_another_order_is_a_difference():
    turned = Space(name="yes", parameters=dict(reversed(TRICKY.parameters.items())))
    plain = Space(name="yes", parameters=TRICKY.parameters)
    assert diff(plain, turned) == ["parameters: in another order"]


def test_small_differences_of_fixed_numbers_are_seen():
    first, second = (
        Space(name="s", fixed={"k": k}, parameters={"n": Int(low=0, high=1)}) for k in (0.12345678, 0.12345679)
    )
    assert diff(first, second) == ["fixed.k: 0.12345678 -> 0.12345679"]
