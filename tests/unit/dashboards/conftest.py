import pytest
from fastapi.testclient import TestClient
from sample_study import SampleStudy

from dashboards.app import create_app
from orchestrator.service.service import Service


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path / "home")
    yield service
    service.close()


@pytest.fixture
def study(service):
    sample = SampleStudy(service)
    sample.half_way()
    return sample


@pytest.fixture
def client(service):
    with TestClient(create_app(service), base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
        yield client
