"""YAML with positions: what a scalar is, where it stands, and what is refused."""

from __future__ import annotations

import pytest

from reid_core.config import Position, read_yaml, suggest
from reid_core.errors import ConfigError


def value_of(text):
    return read_yaml(text, "f.yaml").value


def finding_of(text):
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "f.yaml")
    (finding,) = caught.value.findings
    return finding


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("1e5", 1e5),
        (".5", 0.5),
        ("7.", 7.0),
        ("010", 10),
        ("-3", -3),
        ("0x10", 16),
        (".inf", float("inf")),
        ("no", False),
        ("On", True),
        ("'no'", "no"),
        ('"0.5"', "0.5"),
        ("50x", "50x"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("~", None),
        ("[1, [2, x]]", [1, [2, "x"]]),
        ('("CrossEntropyLoss", "TripletLoss",)', ["CrossEntropyLoss", "TripletLoss"]),
        ("(256, 128)", [256, 128]),
        ("'(256, 128)'", "(256, 128)"),
        ("(SOLVER.BASE_LR * (2))", "(SOLVER.BASE_LR * (2))"),
        ("!!float 3", 3.0),
        ("!!str 3", "3"),
    ],
)
def test_scalars_are_what_their_text_says(text, value):
    got = value_of(text)
    assert got == value
    assert type(got) is type(value)


def test_empty_text_is_nothing():
    assert value_of("# only a comment\n") is None


def test_positions_point_at_keys_and_values():
    source = read_yaml("SOLVER:\n  STEPS: [40, 90]\n  OPT:  Adam\n", "f.yaml")
    assert source.position(("SOLVER", "OPT")) == Position("f.yaml", 3, 3)
    assert source.value_position(("SOLVER", "OPT")) == Position("f.yaml", 3, 9)
    assert source.position(("SOLVER", "STEPS", 1)) == Position("f.yaml", 2, 15)


def test_position_of_something_absent_is_its_parents():
    source = read_yaml("SOLVER:\n  OPT: Adam\n", "f.yaml")
    assert source.position(("SOLVER", "GAMMA", 3)) == Position("f.yaml", 1, 1)
    assert read_yaml("", "f.yaml").position(("X",)) == Position("f.yaml", 1, 1)


def test_aliases_repeat_their_value():
    assert value_of("a: &x [1]\nb: *x\n") == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("text", "code", "line", "col"),
    [
        ("a: 1\nb: 2\na: 3", "duplicate-key", 3, 1),
        ("a: [1", "syntax", 1, 6),
        ("a:\n\tb: 1", "syntax", 2, 1),
        ("a: b: c", "syntax", 1, 5),
        ("a: !!python/object/apply:os.system [ls]", "unsafe-tag", 1, 4),
        ("a: !mine 1", "unsafe-tag", 1, 4),
        ("a: !!int x", "syntax", 1, 4),
        ("a: &a [*a]", "syntax", 1, 4),
        ("x: &x {}\na:\n  <<: *x", "syntax", 3, 3),
        ("? [a]\n: b", "syntax", 1, 3),
        ("a: 1\n---\nb: 1", "syntax", 2, 1),
        ("ab: \x00", "syntax", 1, 5),
        ("[" * 600, "syntax", 1, 1),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text, code, line, col):
    finding = finding_of(text)
    assert (finding.code, finding.file, finding.line, finding.col) == (code, "f.yaml", line, col)


def test_aliases_that_multiply_are_stopped():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "repeat too much" in finding_of("\n".join(lines)).message


def test_every_fault_of_a_file_is_reported():
    with pytest.raises(ConfigError) as caught:
        read_yaml("a: 1\na: 2\nb: !x 1\n", "f.yaml")
    assert [finding.code for finding in caught.value.findings] == ["duplicate-key", "unsafe-tag"]


@pytest.mark.parametrize(
    "word", ["SOLVER.BASELR", "solver.base_lr", "BASE_LR", "base_lr", "SOLVR.BASE_LR", "X.BASE_LRR"]
)
def test_suggest_finds_the_nearest_key(word):
    assert suggest(word, ["MODEL.DEVICE", "SOLVER.BASE_LR", "SOLVER.OPT"]) == "did you mean SOLVER.BASE_LR?"


def test_suggest_is_silent_when_nothing_is_near():
    assert not suggest("zzz", ["SOLVER.BASE_LR"])
