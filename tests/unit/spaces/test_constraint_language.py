"""The expression language of constraints: what it says, what it refuses, and that nothing hangs it."""

from __future__ import annotations

import time

import pytest

from search_spaces.constraints import ExpressionError, parse_constraint

VALUES = {"A.B": 6, "C": 4, "LR": 1e-3, "NAME": "resnet50", "SIZE": [256, 128], "ON": True, "NONE": None, "E": 0}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("A.B % C == 2", True),
        ("A.B // C == 1 and A.B / C == 1.5", True),
        ("2 ** 3 - 1 == 7", True),
        ("-A.B < +C", True),
        ("1 < C < 4", False),
        ("1 < C <= 4 != 5", True),
        ("LR <= 1e-3 or C > 100", True),
        ("not ON", False),
        ("ON", True),
        ("ON == true and NONE == null and not (ON == 1)", True),
        ("ON == True and NONE == None", True),
        ("C == 4.0", True),
        ("NAME == 'resnet50'", True),
        ("'resnet' in NAME", True),
        ("C in [2, 4, 8]", True),
        ("C not in (2, 4, 8)", False),
        ("128 in SIZE", True),
        ("SIZE[0] > SIZE[1]", True),
        ("len(SIZE) == 2 and len(NAME) == 8", True),
        ("min(A.B, C) == 4 and max(SIZE) == 256 and abs(-3) == 3", True),
        ("SIZE == [256, 128]", True),
        ("C == 4 or C / E > 1", True),
    ],
)
def test_expression_is_judged(text, holds):
    assert parse_constraint(text).holds(VALUES) is holds


def test_keys_are_listed_with_their_places():
    assert parse_constraint("A.B % C == 0 and not A.B > x").keys == (("A.B", 0), ("C", 6), ("A.B", 21), ("x", 27))


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("", 0, "not an expression"),
        ("A.B %", 0, "not an expression"),
        ("C = 3", 2, "not an expression"),
        ("A.B + C", 0, "compare it"),
        ("'text'", 0, "compare it"),
        ("C is 4", 0, "use =="),
        ("1 < eval('1')", 4, "eval cannot be called; there are abs, len, max, min"),
        ("1 < A.B.upper()", 4, "A.B.upper cannot be called"),
        ("(lambda: 1)() == 1", 0, "cannot be called"),
        ("[x for x in SIZE] == 1", 0, "`[x for x in SIZE]` has no place"),
        ("SIZE[C] == 1", 0, "`SIZE[C]` has no place"),
        ("C == 1j", 5, "`1j` has no place"),
        ("C == f'{C}'", 5, "has no place"),
        ("max() == 1", 0, "cannot be called"),
        ("C @ C == 1", 0, "`C @ C`"),
        ("~C == 1", 0, "`~C`"),
        ("C == 4 and ü", 11, "'ü' has no place"),
        ("C == 4\nC", 6, "has no place"),
        ("C == " + "(" * 25 + "1" + " + 1)" * 25, 28, "nested too deeply"),
        ("C == " + "-" * 300 + "1", 0, "split it"),
        ("C == " + "1" * 600, 500, "longer than 500"),
    ],
)
def test_text_outside_the_language_is_refused_at_its_place(text, offset, says):
    with pytest.raises(ExpressionError) as caught:
        parse_constraint(text)
    assert says in caught.value.message
    if "nested" not in says:
        assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("C / E > 1", "division by zero"),
        ("C % E == 1", "division by zero"),
        ("NAME < 1", "no order"),
        ("NAME + 1 == 2", "not a number"),
        ("ON + 1 == 2", "not a number"),
        ("C", "neither true nor false"),
        ("C and ON", "neither true nor false"),
        ("1 in C", "cannot be looked for"),
        ("SIZE[2] == 1", "no item 2"),
        ("len(C) == 1", "len takes"),
        ("max(NAME) == 1", "max takes numbers"),
        ("UNKNOWN == 1", "UNKNOWN has no value"),
        ("9 ** 9 ** 9 > 1", "exponent"),
        ("10 ** 60 > 1", "too large"),
        ("(0 - 8) ** 0.5 > 1", "not a number"),
        ("1e308 * 10 > 1", "too large"),
    ],
)
def test_expression_without_a_value_refuses_a_configuration_and_says_why(text, says):
    constraint = parse_constraint(text)
    with pytest.raises(ExpressionError, match=says):
        constraint.holds(VALUES)
    assert says in constraint.refusal(VALUES)


def test_refusal_names_the_values():
    assert parse_constraint("A.B % C == 0").refusal(VALUES) == "`A.B % C == 0` does not hold for A.B = 6, C = 4"
    assert parse_constraint("A.B % 2 == 0").refusal(VALUES) == ""


def test_no_expression_takes_long():
    start = time.perf_counter()
    for text in ("9 ** 64 ** 1 > 1", "1" + "0" * 400 + " ** 64 > 1", "len(" + "'a' + " * 10 + "'a') > 1"):
        assert parse_constraint(text).refusal(VALUES)
    assert time.perf_counter() - start < 1.0
