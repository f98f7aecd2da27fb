import pytest
import yaml

from dashboards.errors import FindingView
from dashboards.form import errors_by_field, fill, parameter_fields
from orchestrator.service.service import Service


@pytest.fixture
def space(tmp_path):
    service = Service(tmp_path)
    yield service.space("bnneck")
    service.close()


def test_untouched_form_asks_for_the_catalog_space_by_name(space):
    untouched = {item.field: item.text for item in parameter_fields(space)}
    filled = fill(space, {**untouched, "trials": "", "data": "  "})
    assert filled.request.space == "bnneck"
    assert filled.request.trials is None
    assert filled.request.data == ""


def test_typed_values_reach_the_request(space):
    filled = fill(
        space,
        {
            "name": "cows",
            "trials": "12",
            "max_epochs": "9",
            "workers": "2",
            "backend": "inline",
            "set": "A.B: [1, 2]\nC: 3",
        },
    )
    request = filled.request
    assert (request.name, request.trials, request.max_epochs, request.workers) == ("cows", 12, 9, 2)
    assert request.backend == "inline"
    assert request.set == {"A.B": [1, 2], "C": 3}


def test_typed_teachers_reach_the_request_and_their_faults_the_field(space):
    assert fill(space, {"teacher": "study:cows, /models/big.pt"}).request.teacher == ("study:cows", "/models/big.pt")
    assert fill(space, {"teacher": " "}).request.teacher == ()
    fault = FindingView(code="missing-file", message="there is no file", file="--teacher", key="teacher")
    assert errors_by_field((fault,), space) == {"teacher": [fault]}


def test_edited_range_makes_a_space_of_its_own_that_loads(space, tmp_path):
    filled = fill(space, {"param:SOLVER.BASE_LR": "{type: float, low: 1.0e-4, high: 3.0e-3, log: true}"})
    assert filled.edited == {"SOLVER.BASE_LR"}
    service = Service(tmp_path)
    edited = service.space(filled.request.space).space
    service.close()
    assert edited.parameters["SOLVER.BASE_LR"].high == 3e-3
    assert list(edited.parameters) == list(space.space.parameters)
    assert edited.constraints == space.space.constraints
    assert edited.recipe == space.space.recipe
    unchanged = {key: item for key, item in edited.parameters.items() if key != "SOLVER.BASE_LR"}
    assert unchanged == {key: item for key, item in space.space.parameters.items() if key != "SOLVER.BASE_LR"}


def test_every_parameter_line_is_yaml_that_says_its_type(space):
    for item in parameter_fields(space):
        assert yaml.safe_load(item.text)["type"] == space.space.parameters[item.key].type


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"trials": "many"}, "trials"),
        ({"trials": "0"}, "trials"),
        ({"workers": "-1"}, "workers"),
        ({"set": "just words"}, "set"),
        ({"set": "A: [1"}, "set"),
        ({"param:SOLVER.BASE_LR": "{type: float}\nname: other"}, "param:SOLVER.BASE_LR"),
    ],
)
def test_faults_stand_beside_their_field(space, values, field):
    filled = fill(space, values)
    assert filled.request is None
    assert list(errors_by_field(filled.findings, space)) == [field]


@pytest.mark.parametrize(
    ("finding", "field"),
    [
        (FindingView(code="x", message="m", key="SOLVER.BASE_LR"), "param:SOLVER.BASE_LR"),
        (FindingView(code="x", message="m", file="--max-epochs"), "max_epochs"),
        (FindingView(code="x", message="m", file="space.yaml"), ""),
    ],
)
def test_findings_of_the_service_find_their_field(space, finding, field):
    assert list(errors_by_field((finding,), space)) == [field]


def test_limits_reach_the_request_and_their_faults_stand_beside_them(space):
    typed = {"epochs": "300", "gpu_hours": "2.5", "wall_time": "8h", "target": "mAP >= 0.6", "confirm": "3"}
    request = fill(space, typed).request
    assert (request.epochs, request.gpu_hours, request.wall_time) == (300, 2.5, "8h")
    assert (request.target, request.confirm) == ("mAP >= 0.6", 3)
    faults = (FindingView(code="bad-wall-time", message="no time", file="--wall-time", key="wall_time"),)
    assert list(errors_by_field(faults, space)) == ["wall_time"]
