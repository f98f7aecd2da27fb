"""Every operation of the OpenAPI document, asked what the document allows and what it does not: never a 5xx."""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from dashboards.app import create_app
from orchestrator.service.people import People, Role
from orchestrator.service.service import Service

HERE = "http://127.0.0.1:8080"
ORDINARY, LONG, PARTS = 2, 200, 6
HELPERS = Path(__file__).parents[1] / "unit" / "dashboards"


def limited(examples):
    """Hypothesis with fixed seeds; what an example takes is not measured, machines differ."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def serving(home):
    """An application whose studies never start; its headers by role."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestrator.service.service.spawn", lambda *_args, **_more: None)
        patch.setattr("dashboards.security.BURST", 1e9)
        service = Service(home)
        people = People(service.home.people)
        for name, role in (("ada", Role.OPERATOR), ("bob", Role.VIEWER)):
            people.add(name, role, "correct horse battery")
        headers = {name: {"Authorization": f"Bearer {people.new_token(name)}"} for name in ("ada", "bob")}
        app = create_app(service)
        yield app, {**headers, "nobody": {}}, service
        service.close()


def half_done(front):
    """A study that is half done."""
    sys.path.insert(0, str(HELPERS))
    try:
        from sample_study import SampleStudy
    finally:
        sys.path.remove(str(HELPERS))
    sample = SampleStudy(front[2])
    sample.half_way()
    return sample.id


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture(scope="module")
def study(front):
    return half_done(front)


def operations(front):
    """Every operation of the document; those that end a study come last."""
    app, headers, _ = front
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=headers["ada"])
    found = [result.ok() for result in schema.get_all_operations()]
    return sorted(found, key=lambda one: (one.method.upper() == "DELETE", one.path.endswith("/stop"), one.label))


def ask(front, operation, who, examples, study=""):
    """Ask with invented arguments, of an invented study or of `study`; the answers' statuses."""
    headers = front[1][who]
    statuses = set()

    @limited(examples)
    @given(case=st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)))
    def check(case):
        if study and "study" in (case.path_parameters or {}):
            case.path_parameters["study"] = study
            if "trial" in case.path_parameters:
                case.path_parameters["trial"] = 0
        answer = case.call(base_url=HERE, headers=headers, timeout=60)
        assert answer.status_code < 500, f"{who}: {case.as_curl_command()}: {answer.status_code} {answer.text[:500]}"
        statuses.add(answer.status_code)

    check()
    return statuses


def ask_all(front, study, examples, part=slice(None)):
    """Every operation, or a part of them, as an operator, of invented studies and of a real one."""
    seen = {}
    for operation in operations(front)[part]:
        seen[operation.label] = ask(front, operation, "ada", examples)
        if "{study}" in operation.path and not operation.path.endswith("/events"):  # a stream of a study never ends
            seen[operation.label] |= ask(front, operation, "ada", examples, study)
    return seen


def test_no_operation_answers_with_a_server_error(front, study):
    seen = ask_all(front, study, ORDINARY)
    assert len(seen) > 20
    assert {200, 404, 422} <= set().union(*seen.values())


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_operation_answers_with_a_server_error_for_long(tmp_path, part):
    with serving(tmp_path / "home") as front:
        ask_all(front, half_done(front), LONG, slice(part, None, PARTS))


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("nobody", 401)])
def test_who_may_not_act_is_refused_by_every_operation_that_changes_something(front, study, who, status):
    changing = [one for one in operations(front) if one.method.upper() not in {"GET", "HEAD"}]
    assert len(changing) > 10
    for operation in changing:
        assert ask(front, operation, who, 2) <= {status}, operation.label
