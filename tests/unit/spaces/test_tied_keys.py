"""Tied keys: worked out from others in every configuration, checked before any work, told wherever a space is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from orchestrator.cli.main import cli
from reid_core.config import from_values
from reid_core.errors import SpaceError
from search_spaces.describe import diff, tied_rows, to_yaml
from search_spaces.encoding import Encoder, complete
from search_spaces.load import load_space
from search_spaces.model import Choice, Float, Int, Space, Tied
from search_spaces.sampling import draw

TEXT = """\
recipe: bnneck
parameters:
  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}
  DATALOADER.NUM_INSTANCE: {type: choice, values: [2, 4, 8], ordered: true}
  INPUT.SIZE_TRAIN: {type: choice, values: [[256, 128], [128, 64]]}
  SOLVER.ETA_MIN_LR: {type: tied, to: SOLVER.BASE_LR, factor: 0.002}
  SOLVER.IMS_PER_BATCH: {type: tied, to: DATALOADER.NUM_INSTANCE, factor: 16}
  INPUT.SIZE_TEST: {type: tied, to: INPUT.SIZE_TRAIN}
  SOLVER.SCHED: {type: tied, expression: "'MultiStepLR' if SOLVER.IMS_PER_BATCH > 64 else 'CosineAnnealingLR'"}
"""
VALUES = {"SOLVER.BASE_LR": 0.00035, "DATALOADER.NUM_INSTANCE": 8, "INPUT.SIZE_TRAIN": [128, 64]}


def derived(**tied):
    return complete({"a": 0.35, "n": 3, "name": "x", "size": [2, 1]}, {}, tied)


def fault(text, **options):
    with pytest.raises(SpaceError) as caught:
        load_space(text, **options)
    return caught.value.findings[0]


def test_configuration_of_a_trial_holds_what_is_tied():
    loaded = load_space(TEXT)
    config = complete(loaded.base, VALUES, loaded.space.tied)
    assert config["SOLVER.ETA_MIN_LR"] == 7e-7
    assert config["SOLVER.IMS_PER_BATCH"] == 128
    assert type(config["SOLVER.IMS_PER_BATCH"]) is int
    assert config["INPUT.SIZE_TEST"] == [128, 64]
    assert config["SOLVER.SCHED"] == "MultiStepLR"  # a tie to a tied key
    from_values(config)


def test_tied_keys_are_not_searched():
    loaded = load_space(TEXT)
    assert list(loaded.space.parameters) == list(VALUES)
    assert set(draw(Encoder(loaded.space, loaded.base), np.random.default_rng(0))) == set(VALUES)


@pytest.mark.parametrize(
    ("tied", "value"),
    [
        (Tied(to="a", factor=0.1), 0.035),
        (Tied(to="a", factor=2.0, offset=-0.5), 0.2),
        (Tied(to="n", factor=2.0, offset=1.0), 7),
        (Tied(to="n", factor=0.5), 1.5),
        (Tied(to="n", factor=0.5, whole=True), 2),
        (Tied(to="name"), "x"),
        (Tied(to="size"), [2, 1]),
        (Tied(expression="size[0] * n"), 6),
        (Tied(expression="[n, n + 1]"), [3, 4]),
        (Tied(expression="max(a, 1) if name == 'x' else 0"), 1),
    ],
)
def test_value_of_a_tie(tied, value):
    found = derived(t=tied)["t"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("tied", "says"),
    [
        (Tied(to="name", factor=2.0), "'x' is not a number"),
        (Tied(to="nobody"), "nobody has no value"),
        (Tied(expression="n / 0"), "division by zero"),
        (Tied(to="name", whole=True), "not a number"),
    ],
)
def test_tie_without_a_value_says_why(tied, says):
    with pytest.raises(SpaceError, match=says):
        derived(t=tied)


@pytest.mark.parametrize(
    ("entry", "code", "says"),
    [
        ("SOLVER.GAMMA: {type: tied, to: SOLVER.GAMMA}", "tied-cycle", "SOLVER.GAMMA -> SOLVER.GAMMA"),
        ("SOLVER.GAMMA: {type: tied, to: SOLVER.GAMA}", "unknown-key", "did you mean SOLVER.GAMMA"),
        ("SOLVER.GAMA: {type: tied, to: SOLVER.BASE_LR}", "unknown-key", "did you mean SOLVER.GAMMA"),
        ("SOLVER.MAX_EPOCH: {type: tied, expression: '9'}", "budget-key", "budget.max_epochs"),
        ("SOLVER.GAMMA: {type: tied}", "bad-tie", "neither"),
        ("SOLVER.GAMMA: {type: tied, to: SOLVER.BASE_LR, expression: '1'}", "bad-tie", "both"),
        ("SOLVER.GAMMA: {type: tied, expression: '1 +'}", "bad-expression", "not an expression"),
        ("SOLVER.GAMMA: {type: tied, to: SOLVER.BASE_LR, factor: 0}", "out-of-range", "above 0"),
        ("SOLVER.GAMMA: {type: tied, to: SOLVER.BASE_LR, factor: 200}", "out-of-range", "for SOLVER.BASE_LR = 0.01"),
        ("SOLVER.GAMMA: {type: tied, to: SOLVER.OPT}", "wrong-type", "a number"),
        ("SOLVER.STEPS: {type: tied, to: SOLVER.BASE_LR}", "wrong-type", "SOLVER.STEPS"),
        ("SOLVER.DELAY_EPOCHS: {type: tied, to: SOLVER.BASE_LR, factor: 1.0e+3}", "wrong-type", "whole: true"),
        (
            "SOLVER.GAMMA: {type: tied, expression: '1 / (SOLVER.BASE_LR - 1.0e-4)'}",
            "tied-no-value",
            "zero",
        ),
    ],
)
def test_fault_of_a_tie_is_told_at_its_place(entry, code, says):
    head = "recipe: bnneck\nparameters:\n  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}\n"
    found = fault(f"{head}  {entry}\n")
    assert (found.code, found.line) == (code, 4)
    assert says in str(found)


def test_ties_alone_leave_nothing_to_search():
    assert fault("recipe: bnneck\nparameters:\n  SOLVER.GAMMA: {type: tied, expression: '0.1'}\n").code == "empty-space"


def test_tie_to_a_parameter_that_may_be_absent_is_refused():
    text = (
        "name: x\nparameters:\n  on: {type: choice, values: [true, false], prior: true}\n"
        "  a: {type: float, low: 0, high: 1, prior: 0.5, when: {on: true}}\n  b: {type: tied, to: a}\n"
    )
    found = fault(text)
    assert (found.code, found.line) == ("tied-no-value", 5)
    assert "inactive" in found.message


def test_of_several_that_may_be_absent_the_first_by_name_is_told():
    names = [f"{letter}_{number}" for number in range(3) for letter in "hgfedcba"]  # hash order would name another
    absent = "".join(f"  {name}: {{type: float, low: 0, high: 1, prior: 0.5, when: {{on: true}}}}\n" for name in names)
    text = (
        f"name: x\nparameters:\n  on: {{type: choice, values: [true, false], prior: true}}\n{absent}"
        f"  t: {{type: tied, expression: 'max({', '.join(names)})'}}\n"
    )
    assert fault(text).message == "t follows a_0, which has no value while it is inactive"


def chain(length):
    return {f"t{number}": "a" if number == 0 else f"t{number - 1}" for number in reversed(range(length))}


@pytest.mark.slow
def test_a_chain_of_ties_is_followed_to_its_end_and_one_too_long_is_refused():
    tied = {key: Tied(to=other, offset=1.0) for key, other in chain(200).items()}
    space = Space(name="x", parameters={"a": Float(low=0.0, high=1.0)}, tied=tied)
    assert list(complete({}, {"a": 0.5}, space.tied).items())[:2] == [("a", 0.5), ("t199", 200.5)]
    entries = "".join(f"  {key}: {{type: tied, to: {other}}}\n" for key, other in chain(201).items())
    found = fault(f"name: x\nparameters:\n  a: {{type: float, low: 0, high: 1}}\n{entries}")
    assert (found.code, found.line) == ("too-many-tied", 204)
    with pytest.raises(ValidationError, match="2000 keys are tied, and at most 200 may be"):
        Space(name="x", parameters=space.parameters, tied={key: Tied(to=to) for key, to in chain(2000).items()})


@pytest.mark.slow
def test_section_of_ties_is_read_as_the_same_space():
    entry = "SOLVER.GAMMA: {type: tied, to: SOLVER.BASE_LR, factor: 10}"
    head = "name: x\nrecipe: bnneck\nparameters:\n  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2}\n"
    section = f"{head}tied:\n  {entry}\n"
    assert load_space(section).space == load_space(f"{head}  {entry}\n").space
    found = fault(section.replace("10}", "1000}"))
    assert (found.code, found.line) == ("out-of-range", 6)


def test_key_that_is_tied_has_no_other_value():
    parameters = {"a": Float(low=0.0, high=1.0)}
    with pytest.raises(ValidationError, match="both tied and fixed"):
        Space(name="x", parameters=parameters, fixed={"b": 1}, tied={"b": Tied(to="a")})
    with pytest.raises(ValidationError, match="both tied and a parameter"):
        Space(name="x", parameters=parameters, tied={"a": Tied(expression="1")})
    with pytest.raises(ValidationError, match="go round"):
        Space(name="x", parameters=parameters, tied={"b": Tied(to="c"), "c": Tied(expression="b + a")})
    waiting = {**parameters, "c": Int(low=0, high=3, when={"b": 1})}
    with pytest.raises(ValidationError, match="cannot wait"):
        Space(name="x", parameters=waiting, tied={"b": Tied(to="a")})


def test_option_ends_a_tie():
    loaded = load_space(TEXT, overrides={"SOLVER.ETA_MIN_LR": 1e-6})
    assert "SOLVER.ETA_MIN_LR" not in loaded.space.tied
    assert loaded.base["SOLVER.ETA_MIN_LR"] == 1e-6
    assert any("follows nothing" in note for note in loaded.notes)


def test_tie_follows_a_parameter_that_an_option_sets():
    loaded = load_space(TEXT, overrides={"DATALOADER.NUM_INSTANCE": 2})
    assert complete(loaded.base, {}, loaded.space.tied)["SOLVER.IMS_PER_BATCH"] == 32


def test_inactive_parameter_is_followed_at_its_base_value():
    space = Space(
        name="x",
        parameters={"on": Choice(values=(True, False)), "a": Float(low=0.0, high=1.0, when={"on": True})},
        tied={"b": Tied(to="a", factor=2.0)},
        fixed={"c": 1},
    )
    encoder = Encoder(space, {"a": 0.25})
    assert encoder.derived({"on": False}) == {"b": 0.5}
    assert encoder.derived({"on": True, "a": 1.0}) == {"b": 2.0}


def test_constraints_judge_what_is_tied():
    loaded = load_space(TEXT + "constraints:\n  - SOLVER.IMS_PER_BATCH <= 64\n")
    encoder, rng = Encoder(loaded.space, loaded.base), np.random.default_rng(0)
    assert {draw(encoder, rng)["DATALOADER.NUM_INSTANCE"] for _ in range(50)} == {2, 4}
    assert "SOLVER.IMS_PER_BATCH = 128" in encoder.refusal(VALUES)


def test_corners_that_constraints_refuse_need_no_value():
    text = (
        "recipe: bnneck\nparameters:\n  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2}\n"
        "  SOLVER.GAMMA: {type: tied, to: SOLVER.BASE_LR, factor: 200}\n"
    )
    assert fault(text).code == "out-of-range"
    load_space(text + "constraints:\n  - SOLVER.BASE_LR <= 5.0e-3\n")


def test_space_with_ties_is_told_whole():
    loaded = load_space(TEXT)
    told = {row.name: (row.range, row.default) for row in tied_rows(loaded)}
    assert told["SOLVER.ETA_MIN_LR"] == ("0.002 x SOLVER.BASE_LR", "7e-07")
    assert told["INPUT.SIZE_TEST"] == ("INPUT.SIZE_TRAIN", "[256, 128]")
    back = load_space(to_yaml(loaded.space)).space
    assert diff(loaded.space, back) == []
    changed = loaded.space.model_copy(update={"tied": {}})
    assert "tied.SOLVER.ETA_MIN_LR: 0.002 x SOLVER.BASE_LR -> removed" in diff(loaded.space, changed)


@pytest.mark.slow
def test_commands_show_what_is_tied(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    run = CliRunner()
    assert "3 parameters, 4 tied keys" in run.invoke(cli, ["space", "validate", str(path)]).output
    assert "16 x DATALOADER.NUM_INSTANCE" in run.invoke(cli, ["space", "show", str(path)]).output
    samples = json.loads(run.invoke(cli, ["space", "sample", str(path), "-n", "3", "--json"]).output)
    for sample, tied in zip(samples["samples"], samples["tied"], strict=True):
        assert set(sample) == set(VALUES)
        assert tied["SOLVER.IMS_PER_BATCH"] == 16 * sample["DATALOADER.NUM_INSTANCE"]
        assert tied["INPUT.SIZE_TEST"] == sample["INPUT.SIZE_TRAIN"]
    assert "SOLVER.ETA_MIN_LR" in run.invoke(cli, ["space", "sample", str(path)]).output


def test_learning_rate_scales_with_the_batch_by_the_engines_rule():
    text = (
        "recipe: bnneck\nfixed: {SOLVER.LR_SCALE_RULE: linear, SOLVER.LR_SCALE_BATCH: 64}\nparameters:\n"
        "  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}\n"
        "  SOLVER.IMS_PER_BATCH: {type: choice, values: [32, 64, 128], ordered: true}\n"
    )
    loaded = load_space(text)
    config = complete(loaded.base, {"SOLVER.BASE_LR": 1e-3, "SOLVER.IMS_PER_BATCH": 128}, loaded.space.tied)
    assert from_values(config).solver.scaled_lr == pytest.approx(2e-3)
