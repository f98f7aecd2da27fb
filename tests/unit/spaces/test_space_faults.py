"""Every fault of a space file: its code, its place in the file, and what to do about it."""

from __future__ import annotations

import pytest

from reid_core.errors import NotFound, SpaceError
from search_spaces import catalog
from search_spaces.load import load_space

GOOD = "  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}\n"
HEAD = "recipe: bnneck\nparameters:\n"


def faults(text, **options):
    with pytest.raises(SpaceError) as caught:
        load_space(text, **options)
    return caught.value.findings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code", "place", "says"),
    [
        (HEAD + "  SOLVER.BASELR: {type: float, low: 0.1, high: 1}\n", "unknown-key", (3, 3), "SOLVER.BASE_LR"),
        ("recipe: bnneck\nparametres: {}\n" + "parameters:\n" + GOOD, "unknown-key", (2, 1), "parameters"),
        (HEAD + "  SOLVER.BASE_LR: {type: float, lo: 0.1, low: 0.1, high: 1}\n", "unknown-key", (3, 33), "low"),
        (HEAD + "  SOLVER.BASE_LR: {type: float, low: 0.1}\n", "missing-key", (3, 3), "no high"),
        (HEAD + "  SOLVER.BASE_LR: {low: 0.1, high: 1}\n", "missing-key", (3, 3), "no type"),
        (HEAD + "  SOLVER.BASE_LR: {type: flaot, low: 0.1, high: 1}\n", "unknown-type", (3, 20), "float"),
        (HEAD + "  SOLVER.BASE_LR: {type: float, low: '0.1', high: 1}\n", "wrong-type", (3, 33), "number"),
        (HEAD + "  SOLVER.BASE_LR: {type: float, low: 0.1, high: .inf}\n", "out-of-range", (3, 43), "finite"),
        (HEAD + "  SOLVER.BASE_LR: 0.1\n", "wrong-type", (3, 3), "{type: float"),
        (HEAD + "  SOLVER.SCHED: {type: float, low: 0, high: 1}\n", "wrong-type", (3, 18), "type: choice"),
        (HEAD + "  SOLVER.IMS_PER_BATCH: {type: float, low: 32, high: 64}\n", "wrong-type", (3, 26), "type: int"),
        (HEAD + "  SOLVER.OPT: {type: choice, values: [Adam, Adm]}\n", "unknown-value", (3, 45), "did you mean Adam"),
        (HEAD + "  SOLVER.OPT: {type: choice, values: [Adam, 3]}\n", "wrong-type", (3, 45), "text"),
        (HEAD + "  INPUT.SIZE_TRAIN: {type: choice, values: [[64, 32], [64]]}\n", "wrong-type", (3, 55), "list of 2"),
        (HEAD + "  INPUT.REA.PROB: {type: float, low: 0.0, high: 1.5}\n", "out-of-range", (3, 43), "at most 1"),
        (HEAD + "  INPUT.REA.PROB: {type: choice, values: [0.5, 1.5]}\n", "out-of-range", (3, 48), "at most 1"),
        (HEAD + "  INPUT.REA.PROB: {type: float, low: 0.9, high: 0.1}\n", "low-not-below-high", (3, 33), "0.9"),
        (
            HEAD + "  INPUT.REA.PROB: {type: float, low: 0.0, high: 1, log: true}\n",
            "log-needs-positive",
            (3, 33),
            "log",
        ),
        (HEAD + "  SOLVER.OPT: {type: choice, values: [Adam]}\n", "choice-too-short", (3, 30), "fixed"),
        (HEAD + "  INPUT.PADDING.SIZE: {type: int, low: 1, high: 9, step: 9}\n", "choice-too-short", (3, 52), "step 9"),
        (HEAD + "  SOLVER.OPT: {type: choice, values: [Adam, SGD, Adam]}\n", "choice-duplicate", (3, 50), "Adam"),
        (HEAD + "  INPUT.REA.PROB: {type: float, low: 0, high: 1, prior: 2}\n", "prior-outside-bounds", (3, 50), "2"),
        (
            HEAD + "  SOLVER.BASE_LR: {type: float, low: 0.1, high: 1}\n",
            "prior-outside-bounds",
            (3, 3),
            "recipe's value",
        ),
        (HEAD + GOOD + "objective: rank_1\n", "unknown-metric", (4, 1), "did you mean rank1"),
        (HEAD + GOOD + "objective: [{metric: mAP}, {metric: f1}]\n", "unknown-metric", (4, 29), "mINP"),
        (HEAD + GOOD + "objective: []\n", "empty-objective", (4, 1), "empty"),
        (HEAD + GOOD + "objective: {metric: mAP, goal: up}\n", "unknown-value", (4, 26), "maximize"),
        (HEAD + GOOD + "search: {algorithm: bhob}\n", "unknown-algorithm", (4, 10), "did you mean bohb"),
        (HEAD + GOOD + f"objective: {{metric: 0x{'f' * 6000}}}\n", "wrong-type", (4, 13), "thousands of digits"),
        (HEAD + GOOD + "budget: {max_epochs: 5}\n", "min-epochs-above-max", (4, 1), "at most 5"),
        (HEAD + GOOD + "resources: {cpus: many}\n", "wrong-type", (4, 13), "a whole number or 'auto'"),
        (HEAD + GOOD + "resources: {gpus: -1}\n", "out-of-range", (4, 13), "greater than or equal to 0"),
        (HEAD + GOOD + "budget: 60\n", "wrong-type", (4, 1), "mapping"),
        (HEAD + GOOD + "budget: {eta: 1}\n", "out-of-range", (4, 10), "2"),
        (HEAD + GOOD + "budget: {trials: 0}\n", "out-of-range", (4, 10), "1"),
        (HEAD + GOOD + "fixed: {SOLVER: {GAMMA: 0.1}}\n", "wrong-type", (4, 9), "SOLVER.GAMMA"),
        (HEAD + GOOD + "fixed: {SOLVER.GAMA: 0.1}\n", "unknown-key", (4, 9), "SOLVER.GAMMA"),
        (HEAD + GOOD + "fixed: {SOLVER.GAMMA: 7}\n", "out-of-range", (4, 9), "at most 1"),
        (HEAD + GOOD + "fixed: {SOLVER.BASE_LR: 0.001}\n", "fixed-and-varied", (4, 9), "both"),
        (HEAD + GOOD + "fixed: {SOLVER.MAX_EPOCH: 9}\n", "budget-key", (4, 9), "budget.max_epochs"),
        (HEAD + "  SOLVER.MAX_EPOCH: {type: int, low: 3, high: 9}\n", "budget-key", (3, 3), "budget.max_epochs"),
        ("recipe: bneck\nparameters:\n" + GOOD, "unknown-recipe", (1, 1), "did you mean bnneck"),
        ("recipe: bnneck\n# nothing\n", "empty-space", (1, 1), "add at least one"),
        ("recipe: bnneck\nparameters: {}\n", "empty-space", (2, 1), "add at least one"),
        ("recipe: bnneck\nparameters: [a]\n", "wrong-type", (2, 1), "maps"),
        ("- a\n- b\n", "wrong-type", (1, 1), "mapping"),
        ("recipe: [\n", "syntax", (2, 1), "found"),
        ("recipe: bnneck\nrecipe: demo\n", "duplicate-key", (2, 1), "line 1"),
    ],
)
def test_fault_is_told_with_code_place_and_remedy(text, code, place, says):
    found = faults(text)
    assert [(finding.code, (finding.line, finding.col)) for finding in found] == [(code, place)]
    assert says in str(found[0])
    assert str(found[0]).startswith(f"<text>:{place[0]}:{place[1]}: error[{code}]: ")


@pytest.mark.parametrize(
    ("when", "code", "says"),
    [
        ("{SOLVER.SHED: x}", "unknown-when-key", "did you mean SOLVER.SCHED"),
        ("{SOLVER.SCHED: Cosine}", "unknown-when-value", "never is 'Cosine'"),
        ("{SOLVER.GAMMA: 0.1}", "when-cycle", "SOLVER.GAMMA -> SOLVER.GAMMA"),
        ("SOLVER.SCHED", "wrong-type", "when is 'SOLVER.SCHED'; it should be a mapping"),
        ("{SOLVER.SCHED: {a: 1}}", "wrong-type", "a value, or a list of values"),
    ],
)
def test_fault_in_a_condition(when, code, says):
    text = (
        "recipe: bnneck\nparameters:\n"
        "  SOLVER.SCHED: {type: choice, values: [MultiStepLR, CosineAnnealingLR]}\n"
        f"  SOLVER.GAMMA: {{type: float, low: 0.1, high: 0.5, when: {when}}}\n"
    )
    (found,) = faults(text)
    assert (found.code, found.line) == (code, 4)
    assert found.key == "SOLVER.GAMMA"
    assert says in str(found)


def test_circle_of_conditions_names_its_members():
    text = (
        "parameters:\n"
        "  a: {type: choice, values: [1, 2], when: {b: 1}}\n"
        "  b: {type: choice, values: [1, 2], when: {c: 1}}\n"
        "  c: {type: choice, values: [1, 2], when: {b: 2}}\n"
    )
    (found,) = faults(text)
    assert found.code == "when-cycle"
    assert "b -> c -> b" in found.message


@pytest.mark.parametrize(
    ("constraint", "code", "col", "says"),
    [
        ("SOLVER.BASE_LR <", "bad-constraint", 5, "not an expression"),
        ("SOLVER.BASE_LR + 1", "bad-constraint", 5, "compare it"),
        ("1 < SOLVER.BASELR", "unknown-key", 9, "did you mean SOLVER.BASE_LR"),
        ("'1 < SOLVER.BASELR'", "unknown-key", 10, "did you mean SOLVER.BASE_LR"),
        ("1 > open('x')", "bad-constraint", 9, "open cannot be called"),
        ("SOLVER.BASE_LR > 1", "default-violates-constraint", 5, "SOLVER.BASE_LR = 0.00035"),
        ("SOLVER.BASE_LR / 0 > 1", "default-violates-constraint", 5, "division by zero"),
        ("[1]", "wrong-type", 5, "expression"),
    ],
)
def test_fault_in_a_constraint_points_into_the_expression(constraint, code, col, says):
    (found,) = faults(HEAD + GOOD + f"constraints:\n  - {constraint}\n")
    assert (found.code, found.line, found.col) == (code, 5, col)
    assert says in str(found)


def test_all_faults_of_a_file_are_told_at_once_in_its_order():
    text = (
        "recipe: bnneck\nobjective: mPA\nparameters:\n"
        "  SOLVER.BASELR: {type: float, low: 0.1, high: 1}\n"
        "  SOLVER.GAMMA: {type: float, low: 1, high: 0.1}\n"
        "  SOLVER.WEIGHT_DECAY: {type: float, low: 0.1, high: 1}\n"
        "constraints: [SOLVER.GAMA < 1]\n"
        "fixed: {SOLVER.OPT: 3}\n"
    )
    found = faults(text, overrides={"SOLVER.SCHED": "none"})
    assert [(finding.code, finding.line) for finding in found] == [
        ("unknown-metric", 2),
        ("unknown-key", 4),
        ("low-not-below-high", 5),
        ("prior-outside-bounds", 6),
        ("unknown-key", 7),
        ("wrong-type", 8),
        ("unknown-value", 0),
    ]


def test_unknown_space_lists_the_catalog_and_suggests():
    with pytest.raises(NotFound) as caught:
        load_space("bneck.yaml")
    assert "did you mean bnneck?" in str(caught.value)
    assert all(name in str(caught.value) for name in catalog.names())


@pytest.mark.parametrize("ref", ["", "no/such/bnneck.yaml", "x" * 5000, "~nobody-here", "~nobody-here/x"])
def test_reference_that_names_no_file_is_not_found(ref):
    with pytest.raises(NotFound):
        load_space(ref)


def test_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    (found,) = faults(str(path))
    assert found.code == "unreadable"
