"""Paths that are none, where nobody has to sign in and any may be named: refused, never a server error."""

import pytest
from fastapi.testclient import TestClient

from dashboards.app import create_app
from orchestrator.service.confined import PATH_KEYS
from orchestrator.service.service import Service

ODD = [
    "~nobody-of-this-name/x",
    "a" * 5000,
    "b/" * 3000,
    "\0",
    "x\0y",
    "\ud7ff",
    " ",
    "/dev/null",
    "/proc/self/mem",
    "//",
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("home"))
    with TestClient(create_app(service), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client
    service.close()


def asked_of(client, **request):
    return client.post("/api/v1/plan", json={"space": "bnneck", "backend": "inline", **request})


@pytest.mark.parametrize("path", ODD, ids=[repr(odd[:12]) for odd in ODD])
def test_odd_paths_are_refused(client, path):
    text = "name: x\nrecipe: {}\nparameters: {{SOLVER.BASE_LR: {{type: float, low: 1.0e-5, high: 1.0}}}}\n"
    asked = [{"data": path}, {"teacher": [path]}, {"name": path}, {"space": path}]
    asked += [{"space": text.format(f"'{path}'")}] if path.isprintable() else []
    for one in asked:
        answer = asked_of(client, **one)
        assert 400 <= answer.status_code < 500, (one, answer.text)


@pytest.mark.parametrize("path", ODD, ids=[repr(odd[:12]) for odd in ODD])
def test_odd_paths_in_a_configuration_are_no_fault_of_the_server(client, path):
    """A plan need not look at each of them."""
    answer = asked_of(client, set=dict.fromkeys(sorted(PATH_KEYS), path))
    assert answer.status_code < 500, answer.text


@pytest.mark.faults
@pytest.mark.parametrize("path", ODD, ids=[repr(odd[:12]) for odd in ODD])
def test_no_odd_path_under_any_key_is_a_fault_of_the_server(client, path):
    lists = ("DATASETS.NAMES", "KD.MODEL_WEIGHTS", "KD.MODEL_CONFIG")
    settings = [{key: path} for key in sorted(PATH_KEYS)] + [{key: [path]} for key in lists]
    for one in [*settings, {"DATASETS.NAMES": [f"Market1501={path}", "DukeMTMC"]}]:
        answer = asked_of(client, set=one)
        assert answer.status_code < 500, (one, answer.text)
