"""Configurations and earlier studies that a study is given: what fits is completed, what does not is refused."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from orchestrator.cli.configurations import read_configurations
from orchestrator.events import (
    ControllerStarted,
    EpochReported,
    Logged,
    Origin,
    StudyCreated,
    StudyState,
    TrialSuggested,
    fold,
)
from orchestrator.search import make_plan
from orchestrator.service.enqueue import enqueued_of
from orchestrator.service.views import StudyRequest
from orchestrator.service.warm_start import earlier_of
from reid_core.api import Protocol
from reid_core.errors import InvalidInput
from search_spaces.load import load_space
from search_spaces.model import Choice, Float, Int, Objective, Space

TEXT = """
name: x
fixed: {depth: 3}
parameters:
  lr: {type: float, low: 1.0e-4, high: 2.0, log: true, prior: 0.01}
  kind: {type: choice, values: [a, b], prior: a}
  margin: {type: float, low: 0.0, high: 1.0, prior: 0.3, when: {kind: a}}
  width: {type: int, low: 1, high: 8}
constraints: [width * lr <= 4]
"""


def enqueued_and_notes(*configurations, file: str = "") -> tuple:
    loaded = load_space(TEXT)
    request = StudyRequest(space=TEXT, enqueue=configurations, enqueue_file=file)
    return enqueued_of(request, loaded, {**loaded.base, "depth": 3})


def enqueued(*configurations, file: str = "") -> tuple:
    return enqueued_and_notes(*configurations, file=file)[0]


def findings(*configurations, file: str = "mine.json") -> list:
    with pytest.raises(InvalidInput) as caught:
        enqueued(*configurations, file=file)
    return caught.value.findings


def test_what_is_left_out_comes_from_the_priors():
    assert enqueued({"width": 2}) == ({"lr": 0.01, "kind": "a", "margin": 0.3, "width": 2},)


def test_an_inactive_parameter_is_left_out():
    assert enqueued({"width": 2, "kind": "b"}) == ({"lr": 0.01, "kind": "b", "width": 2},)


def test_whole_numbers_stand_for_real_ones_and_the_other_way_round():
    (values,) = enqueued({"lr": 1, "width": 4.0})
    assert (values["lr"], type(values["lr"]), values["width"], type(values["width"])) == (1.0, float, 4, int)


def test_equal_configurations_are_one_and_a_fixed_key_may_be_named_with_its_value():
    assert len(enqueued({"width": 2}, {"width": 2, "kind": "a", "depth": 3})) == 1


@pytest.mark.parametrize(
    ("configuration", "code", "key", "message"),
    [
        ({"width": 99}, "out-of-range", "width", "configuration 2: width"),
        ({"width": 2, "lr": "fast"}, "wrong-type", "lr", "configuration 2: lr"),
        ({"width": 2, "kind": "c"}, "out-of-range", "kind", "configuration 2: kind"),
        ({"width": 2, "lrr": 0.1}, "unknown-key", "lrr", "configuration 2: lrr is not a parameter of this space"),
        (
            {"width": 2, "depth": 4},
            "not-varied",
            "depth",
            "configuration 2: depth does not vary in this space: it is 3",
        ),
        ({"width": 2, "kind": "b", "margin": 0.1}, "inactive", "margin", "configuration 2: margin has no effect here"),
        ({"lr": 0.1}, "missing-key", "width", "configuration 2: width has no value"),
        ({"width": 8, "lr": 1.0}, "constraint", "enqueue", "configuration 2 is refused: "),
    ],
)
def test_a_fault_names_file_configuration_and_key(configuration, code, key, message):
    (found,) = findings({"width": 1}, configuration)
    assert (found.code, found.key, found.file) == (code, key, "mine.json")
    assert found.message.startswith(message)


def test_faults_of_every_configuration_are_told_at_once():
    assert [found.message.split(":")[0] for found in findings({"width": 99}, {"width": 1}, {"width": -1})] == [
        "configuration 1",
        "configuration 3",
    ]


def test_a_thousand_configurations_are_the_most(tmp_path):
    file = tmp_path / "many.json"
    file.write_text(json.dumps([{"nonsense": {}}] * 1001))
    with pytest.raises(InvalidInput) as caught:
        read_configurations(str(file))
    (found,) = caught.value.findings  # not one for each configuration
    assert (found.code, found.file, found.key) == ("too-many-enqueued", str(file), "enqueue")
    assert found.message == "1001 configurations are enqueued, and at most 1000 may be"
    file.write_text(json.dumps([{"width": 1}] * 1000))
    request = StudyRequest(space=TEXT, **read_configurations(str(file)))
    longer = request.model_copy(update={"enqueue": (*request.enqueue, {"nobody": 1})})
    with pytest.raises(InvalidInput, match="at most 1000"):
        enqueued_of(longer, load_space(TEXT), {"depth": 3})


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"enqueue": [{}] * 1001}, "at most 1000 items"),
        ({"warm_start": ["latest"] * 11}, "at most 10 items"),
        ({"gpu_hours": float("inf")}, "finite number"),
    ],
)
def test_a_request_has_bounds(fields, wrong):
    with pytest.raises(ValidationError, match=wrong):
        StudyRequest(space=TEXT, **fields)


def test_of_equal_configurations_the_first_keeps_its_place():
    given = [{"width": number % 3 + 1, "margin": 0.0 if number % 2 else -0.0} for number in range(12)]
    assert [values["width"] for values in enqueued(*given)] == [1, 2, 3]


def test_configurations_that_are_left_out_are_told():
    loaded = load_space(TEXT)
    request = StudyRequest(space=TEXT, enqueue=[{"width": 4}, {"width": 2}, {"width": 2.0}])
    own = {"depth": 3, "lr": 0.01, "kind": "a", "margin": 0.3, "width": 4}
    made, notes = enqueued_of(request, loaded, own)
    assert [values["width"] for values in made] == [2]
    assert notes == (
        "configuration 1 of --enqueue equals the recipe's own and is left out",
        "configuration 3 of --enqueue equals configuration 2 and is left out",
    )
    _, many = enqueued_and_notes(*[{"width": 1}] * 9, file="mine.json")
    assert (len(many), many[-1]) == (6, "3 more configurations of mine.json equal others and are left out")


# earlier studies ----------------------------------------------------------------------------------

HERE = Space(name="here", parameters={"lr": Float(low=1e-4, high=1.0, log=True), "width": Int(low=1, high=8)})
THERE = Space(
    name="there",
    parameters={"lr": Float(low=1e-6, high=1.0, log=True), "kind": Choice(values=("a", "b"))},
)


def earlier_study(*trials: dict, max_epochs: int = 30, protocol: Protocol = Protocol.VALIDATION, **base) -> StudyState:
    """A study of 30 epochs whose trials have a value at every tenth of them."""
    first = StudyCreated(
        study="id-old", name="old", space=THERE, base={"lr": 0.1, **base}, plan=make_plan(max_epochs, 1, 3, 12),
        seed=0, algorithm="random", backend="inline", workers=1, data_fingerprint="d", split_fingerprint="s",
        protocol=protocol,
    )  # fmt: skip
    log = [first, ControllerStarted(owner="h:1", token=1, workers=1)]
    for number, values in enumerate(trials, start=1):
        epochs = values.pop("epochs", max_epochs)
        log.append(
            TrialSuggested(trial=number, values=values, origin=Origin.RANDOM, reason="", bracket=0, to_epoch=epochs)
        )
        log += [
            EpochReported(trial=number, segment=1, epoch=epoch, metrics={"mAP": epoch / 100, "x": float("nan")})
            for epoch in range(1, epochs + 1)
        ]
    return fold(Logged(seq, 0.0, event) for seq, event in enumerate(log, start=1))


def taken(state: StudyState, space: Space = HERE, data: tuple[str, str] = ("d", "s")):
    return earlier_of(["latest"], lambda _: state, space, {"lr": 0.1, "width": 4}, make_plan(60, 7, 3, 12), data)


def test_an_epoch_stands_for_the_rung_that_is_the_same_share_of_a_full_run():
    found = taken(earlier_study({"lr": 0.5, "kind": "a"}, width=4))
    assert [(one.epoch, one.metrics) for one in found.results] == [
        (7, {"mAP": 0.04}),  # 3.5 of 30 epochs
        (20, {"mAP": 0.10}),
        (60, {"mAP": 0.30}),
    ]
    assert {tuple(one.values.items()) for one in found.results} == {(("lr", 0.5), ("width", 4))}
    assert found.studies == ("old",)


def test_a_value_counts_once_where_several_rungs_are_the_same_epoch_there():
    trials = [{"lr": lr, "kind": "a"} for lr in (0.1, 0.2, 0.3, 0.4)]
    state = earlier_study(*trials, max_epochs=1, width=4)
    here = (HERE, {"lr": 0.1, "width": 4}, make_plan(9, 1, 3, 12), ("d", "s"))
    found = earlier_of(["old"], lambda _: state, *here)
    assert [(one.values["lr"], one.epoch) for one in found.results] == [(0.1, 9), (0.2, 9), (0.3, 9), (0.4, 9)]


def test_objectives_that_the_earlier_study_did_not_measure_are_told():
    space = HERE.model_copy(update={"objective": tuple(Objective(metric=name) for name in ("mAP", "flops", "rank1"))})
    (note,) = taken(earlier_study({"lr": 0.5, "kind": "a"}, width=4), space).notes
    assert note.endswith("; not measured there: flops, rank1")


def test_trials_outside_of_this_space_are_left_out_and_counted():
    state = earlier_study(
        {"lr": 0.5, "kind": "a"}, {"lr": 1e-5, "kind": "a"}, {"lr": 0.1, "kind": "b", "epochs": 11}, width=4
    )
    found = taken(state)
    assert [(one.values["lr"], one.epoch) for one in found.results] == [
        (0.5, 7),
        (0.5, 20),
        (0.5, 60),
        (0.1, 7),
        (0.1, 20),
    ]
    (note,) = found.notes
    assert note == (
        "warm start from study old (the same data): 2 of 3 trials fit this space; not varied here: kind; "
        "other values there, so only their order counts: SOLVER.MAX_EPOCH"
    )


@pytest.mark.parametrize(
    ("data", "max_epochs", "depth", "same"),
    [
        (("d", "s"), 60, 3, True),
        (("d", "other"), 60, 3, False),
        (("other", "s"), 60, 3, False),
        (("d", "s"), 30, 3, False),
        (("d", "s"), 60, 4, False),
    ],
)
def test_values_are_compared_with_those_of_the_same_images_split_length_and_settings(data, max_epochs, depth, same):
    state = earlier_study({"lr": 0.5, "kind": "a"}, max_epochs=max_epochs, width=4, depth=depth)
    base = {"lr": 0.1, "width": 4, "depth": 3}
    found = earlier_of(["old"], lambda _: state, HERE, base, make_plan(60, 7, 3, 12), data)
    assert {one.same_data for one in found.results} == {same}


def test_a_study_is_taken_once_under_all_of_its_names():
    state = earlier_study({"lr": 0.5, "kind": "a"}, width=4)
    here = (HERE, {"lr": 0.1, "width": 4}, make_plan(60, 7, 3, 12), ("d", "s"))
    assert len(earlier_of(["latest", "old"], lambda _: state, *here).studies) == 1


def test_nothing_that_fits_is_refused_with_the_reason():
    with pytest.raises(InvalidInput) as caught:
        taken(earlier_study({"lr": 0.5, "kind": "a"}))
    assert caught.value.findings[0].message == "no trial of study old fits this space"
    assert caught.value.findings[0].hint == "it does not know width"


def test_a_study_without_results_and_one_of_the_test_split_are_refused():
    with pytest.raises(InvalidInput, match="has no finished epoch"):
        taken(earlier_study())
    with pytest.raises(InvalidInput, match="measured the test split"):
        taken(earlier_study({"lr": 0.5, "kind": "a"}, width=4, protocol=Protocol.TEST))
