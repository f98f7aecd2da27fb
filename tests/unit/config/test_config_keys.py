"""The key table: what describe, keys, flat values and JSON Schema say of the typed tree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reid_core.config import Config, describe, from_values, json_schema, keys, to_values
from reid_core.config.availability import CHOICES, NOT_YET

# Values that fit any range and any neighbour, for the round trip.
FREE = {
    "SOLVER.BASE_LR": st.floats(1e-6, 1.0),
    "SOLVER.WEIGHT_DECAY": st.floats(0.0, 1.0),
    "SOLVER.NESTEROV": st.booleans(),
    "SOLVER.STEPS": st.lists(st.integers(1, 500), unique=True).map(sorted),
    "MODEL.HEADS.NECK_FEAT": st.sampled_from(["before", "after"]),
    "OUTPUT_DIR": st.text(),
    "INPUT.REA.PROB": st.floats(0.0, 1.0),
    "INPUT.SIZE_TRAIN": st.tuples(st.integers(16, 512), st.integers(16, 512)).map(list),
    "TEST.RERANK.LAMBDA": st.floats(0.0, 1.0),
    "DATASETS.NAMES": st.lists(st.text(), min_size=1),
}


@pytest.mark.slow
@given(st.fixed_dictionaries({}, optional=FREE))
@settings(max_examples=60, deadline=None)
def test_flat_values_round_trip_exactly_through_json(values):
    config = from_values(values)
    flat = to_values(config)
    assert values.items() <= flat.items()
    assert from_values(json.loads(json.dumps(flat))) == config
    assert list(flat) == sorted(flat)


def test_values_hold_every_key_and_nothing_else():
    assert list(to_values(Config())) == keys()


def test_every_key_is_described_in_words():
    assert [key for key in keys() if len(describe(key).help) < 3] == []


@pytest.mark.parametrize(
    ("key", "kind", "low", "high", "open_low", "open_high"),
    [
        ("SOLVER.BASE_LR", "float", 0.0, 100.0, True, False),
        ("DATASETS.VAL_FRACTION", "float", 0.0, 1.0, True, True),
        ("DATALOADER.NUM_INSTANCE", "int", 1, 512, False, False),
        ("MODEL.PIXEL_STD", "list[float]", 0.0, None, True, False),
        ("INPUT.SIZE_TRAIN", "list[int]", 16, 4096, False, False),
        ("INPUT.FLIP.ENABLED", "bool", None, None, False, False),
    ],
)
def test_describe_knows_type_and_range(key, kind, low, high, open_low, open_high):
    info = describe(key)
    assert (info.type, info.low, info.high, info.open_low, info.open_high) == (kind, low, high, open_low, open_high)


def test_describe_knows_choices_and_length():
    assert "SGD" in describe("SOLVER.OPT").choices
    assert describe("INPUT.SIZE_TEST").length == 2
    assert describe("MODEL.LOSSES.NAME").length == 0


def test_a_described_default_is_a_copy():
    describe("SOLVER.STEPS").default.append(99)
    assert describe("SOLVER.STEPS").default == [30, 55]


def test_json_schema_names_keys_as_files_do_and_lists_choices():
    schema = json_schema()
    assert "SOLVER" in schema["properties"]
    solver = schema["$defs"]["Solver"]["properties"]
    assert solver["OPT"]["enum"] == list(CHOICES["SOLVER.OPT"].available)
    assert schema["$defs"]["Losses"]["properties"]["NAME"]["items"]["enum"][0] == "CrossEntropyLoss"
    json.dumps(schema)


def test_the_tree_is_frozen():
    config = Config()
    with pytest.raises(ValidationError):
        config.solver.base_lr = 1.0


def test_names_with_a_python_meaning_keep_their_keys():
    values = to_values(Config())
    assert values["TEST.RERANK.LAMBDA"] == 0.3
    assert values["KD.MODEL_CONFIG"] == []


def test_defaults_can_be_chosen():
    values = to_values(Config())
    for key, choices in CHOICES.items():
        value = values[key]
        assert set(value if isinstance(value, list) else [value]) <= set(choices.available), key
        assert not set(choices.available) & set(choices.planned), key
    assert all(values[key] in (False, [], "") for key in NOT_YET)
