from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sample_study import SampleStudy, many_trials

from dashboards.app import create_app
from orchestrator.service.tracking import CURSOR
from reid_core.errors import ServerUnreachable


def scraped(client, **options):
    answer = client.get("/metrics", **options)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.slow
def test_prometheus_reads_what_the_service_does(client, study, service):
    service.store.set_cursor(study.id, CURSOR, 7)
    found = scraped(client)
    state = service.state(study.id)
    named = ("study", study.name)
    assert found["reid_tune_studies", ("status", "running")] == 1
    assert found["reid_tune_studies", ("status", "failed")] == 0
    assert found["reid_tune_segments_started",] == state.segments
    assert found["reid_tune_segments_ended", ("failure", "diverged"), ("outcome", "failed")] == 1
    assert found["reid_tune_segments_ended", ("failure", ""), ("outcome", "completed")] == 11
    assert found["reid_tune_epochs",] == state.epochs_spent
    assert found["reid_tune_slots_used",] == len(state.running) == 1
    assert found["reid_tune_study_best", ("metric", "mAP"), named] == service.summary(study.id).best.metrics["mAP"]
    assert found["reid_tune_tracking_lag_events", named] == state.seq - 7
    assert found["reid_tune_controller_heartbeat_age_seconds", named] >= 0
    assert found["reid_tune_store_bytes",] > 0
    assert found["reid_tune_disk_free_bytes",] > 0
    assert found["reid_tune_queue_length",] == 0


@pytest.mark.slow
def test_a_study_at_rest_has_no_line_of_its_own_and_a_lost_controller_counts_as_interrupted(client, study, service):
    service.store.release(study.id, study.token)
    found = scraped(client)
    assert found["reid_tune_studies", ("status", "interrupted")] == 1
    assert not [key for key in found if ("study", study.name) in key]
    assert found["reid_tune_epochs",] > 0, "what it did is counted all the same"


@pytest.mark.slow
def test_requests_are_counted_by_route_and_not_by_address(client, study):
    for name in ("a", "b"):
        client.get(f"/api/v1/studies/{name}")
    client.get("/nowhere/at/all")
    client.request("BREW", "/healthz")
    found = scraped(client)
    route = ("route", "/api/v1/studies/{study}")
    assert found["reid_tune_http_requests_total", ("method", "GET"), route, ("status", "404")] == 2
    assert found["reid_tune_http_seconds_count", ("method", "GET"), route] == 2
    assert not [key for key in found if "nowhere" in str(key) or "BREW" in str(key)]


@pytest.mark.slow
def test_the_number_of_lines_does_not_grow_with_trials(client, service):
    SampleStudy(service, name="few").half_way()
    scraped(client)  # from now on the server counts this route too
    before = len(scraped(client))
    SampleStudy(service, name="more", trials=30)
    many_trials(service, 200)
    assert len(scraped(client)) - before <= 2 * 6


@pytest.mark.slow
def test_a_second_look_reads_no_log_again(client, study, service, monkeypatch):
    scraped(client)
    read = []
    events = service.store.events
    monkeypatch.setattr(
        service.store,
        "events",
        lambda *args, **options: (
            read.append((args[0], options.get("after", (*args, 0)[1]))) or events(*args, **options)
        ),
    )
    scraped(client)
    assert {after for _, after in read} <= {service.store.last_seq(study.id)}


@pytest.mark.slow
def test_with_a_token_only_who_has_it_reads_metrics(service):
    with TestClient(create_app(service, token="secret"), base_url="http://127.0.0.1", follow_redirects=False) as client:
        assert client.get("/metrics").status_code == 401
        scraped(client, headers={"Authorization": "Bearer secret"})


@pytest.mark.slow
def test_not_ready_names_the_part(client, service, monkeypatch):
    assert client.get("/readyz").json() == {"status": "ready", "parts": {"store": "ok", "home": "ok", "disk": "ok"}}

    def away():
        raise ServerUnreachable("the database does not answer")

    monkeypatch.setattr(service.store, "studies", away)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * 1024**2))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert {one["key"]: one["message"] for one in answer.json()["error"]["findings"]} == {
        "store": "the database does not answer",
        "disk": "only 5 MiB are free",
    }
    assert client.get("/healthz").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_what_machines_ask_is_in_the_contract(client, path):
    assert path in client.get("/api/v1/openapi.json").json()["paths"]
