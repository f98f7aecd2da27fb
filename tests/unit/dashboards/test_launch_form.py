import pytest
from launch_form import untouched
from sample_study import SampleStudy

from dashboards.errors import FindingView
from dashboards.form import errors_by_field, fill, values_of
from dashboards.launch_fields import groups
from orchestrator.service.command import command_of
from orchestrator.service.launch.again import request_of, words_of
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("home"))
    yield service
    service.close()


@pytest.fixture(scope="module")
def space(service):
    return service.space("bnneck")


@pytest.mark.parametrize("name", ["bnneck", "backbones", "bag_of_tricks_ablation", "distill", "optimizer"])
def test_untouched_form_asks_for_the_catalog_space_by_name(service, name):
    found = service.space(name)
    filled = fill(found, untouched(found))
    assert filled.request == StudyRequest(space=found.name)
    assert not filled.edited


def test_every_field_of_a_request_has_an_input(space):
    inputs = {one.name for _, fields in groups(space.space) for one in fields}
    assert set(StudyRequest.model_fields) - {"space", "enqueue_file"} <= inputs


def test_typed_values_reach_the_request(space):
    typed = {"name": "cows", "trials": "12", "max_epochs": "9", "workers": "2", "backend": "inline"}
    request = fill(space, {**untouched(space), **typed, "set": "A.B: [1, 2]\nC: 3e-4", "seed": " 7 "}).request
    assert (request.name, request.trials, request.max_epochs, request.workers) == ("cows", 12, 9, 2)
    assert (request.backend, request.seed) == ("inline", 7)
    assert request.set == {"A.B": [1, 2], "C": 3e-4}


def test_limits_teachers_and_configurations_reach_the_request(space):
    typed = {"epochs": "300", "gpu_hours": "2.5", "wall_time": "8h", "target": "mAP >= 0.6", "confirm": "3"}
    typed |= {"teacher": "study:cows, /models/big.pt", "warm_start": "a,b", "enqueue": "{SOLVER.BASE_LR: 1e-3}\n"}
    request = fill(space, typed).request
    assert (request.epochs, request.gpu_hours, request.wall_time) == (300, 2.5, "8h")
    assert (request.target, request.confirm) == ("mAP >= 0.6", 3)
    assert (request.teacher, request.warm_start) == (("study:cows", "/models/big.pt"), ("a", "b"))
    assert request.enqueue == ({"SOLVER.BASE_LR": 1e-3},)


def test_edited_range_and_prior_make_a_space_of_its_own_that_loads(service, space):
    typed = {"low:SOLVER.BASE_LR": "1e-4", "high:SOLVER.BASE_LR": "3e-3", "prior:SOLVER.BASE_LR": "2e-3"}
    filled = fill(space, {**untouched(space), **typed, "values:DATALOADER.NUM_INSTANCE": "2, 4"})
    assert filled.edited
    edited = service.space(filled.request.space).space
    rate = edited.parameters["SOLVER.BASE_LR"]
    assert (rate.low, rate.high, rate.prior, rate.log) == (1e-4, 3e-3, 2e-3, True)
    assert edited.parameters["DATALOADER.NUM_INSTANCE"].values == (2, 4)
    others = {"SOLVER.BASE_LR": rate, "DATALOADER.NUM_INSTANCE": edited.parameters["DATALOADER.NUM_INSTANCE"]}
    changed = {"parameters": {**space.space.parameters, **others}}
    assert edited == space.space.model_copy(update=changed)
    assert list(edited.parameters) == list(space.space.parameters)


def test_parameter_that_is_not_ticked_is_fixed_at_what_was_typed_or_the_usual(service, space):
    values = untouched(space)
    del values["vary:SOLVER.BASE_LR"], values["vary:SOLVER.SCHED"]
    values["fix:SOLVER.BASE_LR"] = "1e-3"
    edited = service.space(fill(space, values).request.space).space
    assert set(space.space.parameters) - set(edited.parameters) == {"SOLVER.BASE_LR", "SOLVER.SCHED"}
    assert edited.fixed["SOLVER.BASE_LR"] == 1e-3
    assert edited.fixed["SOLVER.SCHED"] == space.defaults["SOLVER.SCHED"]


def test_a_scale_that_is_unticked_is_linear(service, space):
    values = untouched(space)
    del values["log:SOLVER.BASE_LR"]
    assert not service.space(fill(space, values).request.space).space.parameters["SOLVER.BASE_LR"].log


def test_budget_and_resources_without_an_option_stand_in_the_space(service, space):
    typed = {"eta": "4", "cpus": "2", "gpus": "0.5", "memory_gb": "8", "labels": "zone=a, disk=fast", "nodes": "1"}
    edited = service.space(fill(space, {**untouched(space), **typed}).request.space).space
    assert edited.budget.eta == 4
    assert (edited.resources.cpus, edited.resources.gpus, edited.resources.memory_gb) == (2, 0.5, 8)
    assert edited.resources.labels == {"zone": "a", "disk": "fast"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"trials": "many"}, "trials"),
        ({"trials": "0"}, "trials"),
        ({"workers": "-1"}, "workers"),
        ({"set": "just words"}, "set"),
        ({"set": "A: [1"}, "set"),
        ({"enqueue": "{A: 1}\njust words"}, "enqueue"),
        ({"labels": "fast"}, "labels"),
        ({"keep_checkpoints": "some"}, "keep_checkpoints"),
    ],
)
def test_faults_stand_beside_their_field(space, values, field):
    filled = fill(space, values)
    assert filled.request is None
    assert list(errors_by_field(filled.findings, space)) == [field]


@pytest.mark.parametrize(
    ("finding", "field"),
    [
        (FindingView(code="x", message="m", key="SOLVER.BASE_LR"), "vary:SOLVER.BASE_LR"),
        (FindingView(code="x", message="m", key="parameters.SOLVER.BASE_LR.low"), "low:SOLVER.BASE_LR"),
        (FindingView(code="x", message="m", key="parameters.SOLVER.SCHED.values.1"), "values:SOLVER.SCHED"),
        (FindingView(code="x", message="m", key="resources.gpus"), "gpus"),
        (FindingView(code="x", message="m", key="budget.eta"), "eta"),
        (FindingView(code="x", message="m", file="--max-epochs"), "max_epochs"),
        (FindingView(code="x", message="m", file="--wall-time", key="wall_time"), "wall_time"),
        (FindingView(code="x", message="m", file="--teacher", key="teacher"), "teacher"),
        (FindingView(code="x", message="m", file="space.yaml"), ""),
    ],
)
def test_findings_of_the_service_find_their_field(space, finding, field):
    assert list(errors_by_field((finding,), space)) == [field]


FULL = StudyRequest(
    space="bnneck",
    data="/data/it's here",
    trials=7,
    max_epochs=20,
    seed=3,
    teacher=("study:big", "/models/a b.pt"),
    warm_start=("old", "older"),
    enqueue=({"SOLVER.BASE_LR": 0.001, "SOLVER.SCHED": "MultiStepLR"},),
    set={
        "INPUT.SIZE_TRAIN": [128, 64],
        "MODEL.DEVICE": "cpu",
        "SOLVER.WEIGHT_DECAY": 1e-4,
        "DATASETS.NO_CAMERAS": True,
    },
    gpu_hours=2.5,
    target="mAP >= 0.6",
    backend="processes",
    keep_checkpoints="all",
    priority=-2,
    weight=0.5,
    name="all-of-it",
)


def test_the_command_reads_back_as_the_request_that_it_was_made_of():
    assert words_of(command_of(FULL)) == FULL


def test_a_form_filled_from_a_request_makes_the_same_request(space):
    assert fill(space, {**untouched(space), **values_of(FULL)}).request == FULL


@pytest.mark.slow
def test_a_study_of_a_catalog_space_is_asked_for_again_by_the_name_of_the_space(service):
    made = service.create(
        StudyRequest(space="bnneck", trials=4, max_epochs=9, name="first", set={"MODEL.DEVICE": "cpu"})
    )
    again = request_of(service.state(made.id).created)
    assert again == StudyRequest(space="bnneck", trials=4, max_epochs=9, set={"MODEL.DEVICE": "cpu"})


@pytest.mark.slow
def test_a_study_of_a_space_of_its_own_carries_the_space_along(service, space):
    asked = fill(space, {"high:SOLVER.BASE_LR": "3e-3", "name": "edited", "trials": "4", "low:SOLVER.BASE_LR": "1e-4"})
    made = service.create(asked.request)
    again = request_of(service.state(made.id).created)
    assert service.space(again.space).space.parameters["SOLVER.BASE_LR"].high == 3e-3
    first, second = (service.draft(one) for one in (asked.request, again))
    assert (first.space, first.base, first.plan) == (second.space, second.base, second.plan)


def test_sample_studies_can_be_asked_for_again(service):
    SampleStudy(service, name="shown")
    assert request_of(service.state("shown").created).trials == 12
