"""The HTTP API as programs see it: paths, bodies, statuses, one error shape, and who is refused."""

import json
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from dashboards.api import LogView
from dashboards.app import create_app
from dashboards.errors import ErrorBody
from dashboards.security import COOKIE, MAX_BODY
from dashboards.stream import Delta
from orchestrator.service.errors import (
    CheckpointError,
    Conflict,
    Finding,
    InvalidInput,
    NotFound,
    ServerUnreachable,
    UsageError,
)
from orchestrator.service.fleet.views import ClusterView, StudiesComparison
from orchestrator.service.trials.comparing import TrialComparison
from orchestrator.service.views import (
    MetricsView,
    PlanView,
    SpaceView,
    StudyDetail,
    StudySummary,
    TrialDetail,
    TrialRow,
)
from orchestrator.service.views_acting import Acted
from orchestrator.service.views_analysis import AnalysisView

STUDY_VERBS = ("archive", "unarchive", "clone", "extend", "limits", "note", "tag", "enqueue")
TRIAL_VERBS = ("stop", "retry", "promote", "pin", "unpin", "clone")
HELPERS = Path(__file__).parents[1] / "unit" / "dashboards"
HOME = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def helpers(monkeypatch):
    monkeypatch.syspath_prepend(str(HELPERS))


@pytest.fixture
def study(service, helpers):
    from sample_study import SampleStudy

    sample = SampleStudy(service)
    sample.half_way()
    return sample


@pytest.fixture
def fresh(service, helpers):
    """A study without trials: enough for who may ask."""
    from sample_study import SampleStudy

    return SampleStudy(service)


@pytest.fixture
def client(service):
    with TestClient(create_app(service), base_url=HOME, follow_redirects=False) as client:
        yield client


def error_of(answer, status, code):
    assert answer.status_code == status, answer.text
    error = ErrorBody.model_validate_json(answer.content).error
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message", "hint", "findings"}
    assert error.code == code
    assert error.message
    return error


# reads ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "view"),
    [
        ("/studies", list[StudySummary]),
        ("/studies/{id}", StudyDetail),
        ("/studies/{id}/trials", list[TrialRow]),
        ("/studies/{id}/trials?filter=epoch+>+1&sort=-mAP", list[TrialRow]),
        ("/studies/{id}/compare?trials=1,7", TrialComparison),
        ("/compare?studies={id}", StudiesComparison),
        ("/cluster", ClusterView),
        ("/studies/{id}/trials/4", TrialDetail),
        ("/studies/{id}/trials/4/log", LogView),
        ("/studies/{id}/metrics", MetricsView),
        ("/studies/{id}/analysis", AnalysisView),
        ("/spaces", list[SpaceView]),
        ("/spaces/bnneck", SpaceView),
        ("/spaces/bnneck.yaml", SpaceView),
    ],
)
def test_reads_answer_with_their_view(client, study, path, view):
    answer = client.get(f"/api/v1{path.format(id=study.id)}")
    assert answer.status_code == 200, answer.text
    assert TypeAdapter(view).validate_json(answer.content)


def test_studies_are_found_by_name_and_latest(client, study):
    assert client.get("/api/v1/studies/cows-bnneck").json()["id"] == study.id
    assert client.get("/api/v1/studies/latest").json()["id"] == study.id


def test_metric_columns_have_one_length_and_hold_every_epoch(client, study):
    body = client.get(f"/api/v1/studies/{study.id}/metrics").json()
    lengths = {len(column) for column in (body["trial"], body["epoch"], *body["metrics"].values())}
    assert lengths == {client.get(f"/api/v1/studies/{study.id}").json()["epochs_spent"]}


INSPECTION = (
    ("GET", ""),
    ("POST", ""),
    *(("GET", part) for part in ("/gallery", "/queries", "/map", "/images/{number}")),
)


def test_openapi_names_exactly_the_promised_paths(client):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path, item in paths.items() for method in item} == {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/api/v1/cluster"),
        ("GET", "/api/v1/compare"),
        ("GET", "/metrics"),
        ("GET", "/api/v1/studies"),
        ("POST", "/api/v1/studies"),
        ("GET", "/api/v1/studies/{study}"),
        ("GET", "/api/v1/studies/{study}/trials"),
        ("GET", "/api/v1/studies/{study}/trials.csv"),
        ("GET", "/api/v1/studies/{study}/compare"),
        ("GET", "/api/v1/studies/{study}/trials/{trial}"),
        ("GET", "/api/v1/studies/{study}/trials/{trial}/log"),
        ("GET", "/api/v1/studies/{study}/metrics"),
        ("GET", "/api/v1/studies/{study}/analysis"),
        ("GET", "/api/v1/studies/{study}/events"),
        ("POST", "/api/v1/studies/{study}/pause"),
        ("POST", "/api/v1/studies/{study}/resume"),
        ("POST", "/api/v1/studies/{study}/stop"),
        *(("POST", f"/api/v1/studies/{{study}}/{verb}") for verb in STUDY_VERBS),
        *(("POST", f"/api/v1/studies/{{study}}/trials/{{trial}}/{verb}") for verb in TRIAL_VERBS),
        *(
            (method, f"/api/v1/studies/{{study}}/{whose}/inspection{part}")
            for whose in ("trials/{trial}", "winner")
            for method, part in INSPECTION
        ),
        ("GET", "/api/v1/studies/{study}/diff/{other}"),
        ("DELETE", "/api/v1/studies/{study}"),
        ("POST", "/api/v1/studies/{study}/share"),
        ("GET", "/api/v1/service"),
        ("GET", "/api/v1/spaces"),
        ("GET", "/api/v1/spaces/{name}"),
        ("POST", "/api/v1/plan"),
    }


def test_unchanged_study_answers_304_and_a_changed_one_does_not(client, study):
    for path in ("", "/trials", "/trials/1", "/metrics", "/analysis"):
        address = f"/api/v1/studies/{study.id}{path}"
        etag = client.get(address).headers["etag"]
        assert client.get(address, headers={"If-None-Match": etag}).status_code == 304
        study.suggest(20)
        assert client.get(address, headers={"If-None-Match": etag}).status_code == 200


def test_analysis_of_an_objective_that_there_is_not_is_refused(client, study):
    error_of(client.get(f"/api/v1/studies/{study.id}/analysis?objective=1"), 422, "usage")


def test_large_bodies_are_compressed(client, study):
    answer = client.get(f"/api/v1/studies/{study.id}", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


def test_health_needs_no_study(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["status"] == "ready"


# verbs ----------------------------------------------------------------------


def test_plan_creates_nothing(client, service):
    answer = client.post("/api/v1/plan", json={"space": "bnneck", "trials": 12})
    assert PlanView.model_validate_json(answer.content).plan.trials == 12
    assert service.studies() == []


def test_post_studies_creates_and_launches(client, service, monkeypatch):
    launched = []

    def launch(study, by):
        assert by == "web from testclient"
        launched.append(study)
        return service.summary(study)

    monkeypatch.setattr(service, "launch", launch)
    answer = client.post("/api/v1/studies", json={"space": "bnneck", "trials": 3, "name": "api"})
    assert answer.status_code == 201
    summary = StudySummary.model_validate_json(answer.content)
    assert summary.name == "api"
    assert launched == [summary.id]
    assert answer.headers["location"] == f"/api/v1/studies/{summary.id}"


@pytest.mark.parametrize("verb", ["pause", "stop"])
def test_verbs_reach_the_controller_once_with_their_origin(client, service, fresh, verb):
    answer = client.post(f"/api/v1/studies/{fresh.id}/{verb}")
    assert Acted.model_validate_json(answer.content).id == fresh.id
    (pending,) = service.store.pending(fresh.id)
    assert (pending.command.command, pending.command.by) == (verb, "web from testclient")


# errors ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("gone", hint="look elsewhere"), 404, "not-found"),
        (Conflict("held"), 409, "conflict"),
        (UsageError("senseless"), 422, "usage"),
        (InvalidInput(Finding("bad", "a is bad", key="a")), 422, "invalid-input"),
        (ServerUnreachable("Ray is silent"), 502, "server-unreachable"),
        (CheckpointError("torn"), 500, "failed"),
    ],
)
def test_each_kind_of_error_has_its_status(client, service, monkeypatch, error, status, code):
    def fail(**_):
        raise error

    monkeypatch.setattr(service, "studies", fail)
    view = error_of(client.get("/api/v1/studies"), status, code)
    assert view.hint == error.hint


def test_every_finding_is_told_with_its_field(client):
    bad = {"space": "bnneck", "set": {"SOLVER.BASELR": 1}}
    (finding,) = error_of(client.post("/api/v1/plan", json=bad), 422, "invalid-input").findings
    assert finding.key == "SOLVER.BASELR"
    assert "SOLVER.BASE_LR" in finding.hint


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/v1/studies/nope", None, 404, "not-found"),
        ("GET", "/api/v1/studies/nope/events", None, 404, "not-found"),
        ("GET", "/api/v1/nothing", None, 404, "not-found"),
        ("DELETE", "/api/v1/studies", None, 405, "method-not-allowed"),
        ("POST", "/api/v1/plan", {"space": "bnneck", "trials": 0}, 422, "invalid-input"),
        ("POST", "/api/v1/plan", {"space": "bnneck", "unheard": 1}, 422, "invalid-input"),
        ("POST", "/api/v1/plan", {"space": "no-such-space"}, 404, "not-found"),
        ("GET", "/api/v1/studies/x/trials/abc", None, 422, "invalid-input"),
    ],
)
def test_wrong_requests_are_told_in_the_one_shape(client, method, path, body, status, code):
    error_of(client.request(method, path, json=body), status, code)


# who may ask ----------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "10.0.0.1"])
def test_rebound_host_names_are_refused(client, host):
    error_of(client.get("/api/v1/studies", headers={"Host": host}), 403, "bad-host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "127.1.2.3"])
def test_loopback_names_are_served(client, host):
    assert client.get("/api/v1/studies", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/studies/{id}/stop", "/studies/{id}/stop", "/launch"])
def test_cross_site_posts_change_nothing(client, service, fresh, headers, path):
    error_of(client.post(path.format(id=fresh.id), headers=headers), 403, "cross-site")
    assert service.store.pending(fresh.id) == []


def test_our_own_pages_may_post(client, study):
    headers = {"Origin": HOME, "Sec-Fetch-Site": "same-origin"}
    assert client.post(f"/api/v1/studies/{study.id}/pause", headers=headers).status_code == 200


def test_oversized_bodies_are_refused_announced_or_not(client):
    large = b"x" * (MAX_BODY + 1)
    error_of(client.post("/api/v1/plan", content=large), 413, "body-too-large")
    error_of(client.post("/launch", content=iter([large])), 413, "body-too-large")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fpyproject.toml",
        "/static//etc/passwd",
        "/api/v1/spaces/..%2F..%2Fetc%2Fpasswd",
        "/api/v1/spaces/%2Fetc%2Fpasswd",
        "/api/v1/studies/..%2F..%2Fetc",
        "/api/v1/studies/../../etc/passwd",
    ],
)
def test_paths_do_not_leave_their_folder(client, path):
    answer = client.get(path)
    assert answer.status_code in {404, 422}, path
    assert ErrorBody.model_validate_json(answer.content)


@pytest.mark.parametrize("space", ["/etc/passwd", "../../etc/passwd", "pyproject.toml"])
def test_a_request_cannot_read_files_as_spaces(client, space):
    error_of(client.post("/api/v1/plan", json={"space": space}), 404, "not-found")


def test_every_answer_carries_the_security_headers(client, study):
    for path in ("/", f"/studies/{study.id}", "/api/v1/studies", "/static/js/study.js", "/nowhere"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


# the token ------------------------------------------------------------------


@pytest.fixture
def guarded(service):
    app = create_app(service, token="secret")
    with TestClient(app, base_url="http://lab.example:8080", follow_redirects=False) as client:
        yield client


def test_token_is_asked_for_everywhere_but_login_and_health(guarded):
    answer = guarded.get("/api/v1/studies")
    error_of(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/studies/x").headers["location"] == "/login?next=/studies/x"
    assert guarded.post("/api/v1/studies/x/stop").status_code == 401
    assert guarded.get("/api/v1/openapi.json").status_code == 401
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/login").status_code == 200


def test_bearer_token_opens_the_api(guarded):
    assert guarded.get("/api/v1/studies", headers={"Authorization": "Bearer secret"}).status_code == 200
    assert guarded.get("/api/v1/studies", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert guarded.get("/api/v1/studies", headers={"Authorization": "Basic secret"}).status_code == 401


def test_login_sets_a_cookie_that_scripts_cannot_read_and_hides_the_token(guarded):
    assert guarded.post("/login", data={"token": "wrong"}).status_code == 403
    answer = guarded.post("/login?next=/launch", data={"token": "secret"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/launch")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "secret" not in cookie
    assert guarded.get("/").status_code == 200


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_login_leads_nowhere_else(guarded, target):
    answer = guarded.post(f"/login?next={target}", data={"token": "secret"})
    assert answer.headers["location"] == "/"


def test_cookie_of_another_session_does_not_open(guarded):
    guarded.cookies.set(COOKIE, "another")
    assert guarded.get("/api/v1/studies").status_code == 401


# the stream -----------------------------------------------------------------


@pytest.fixture
def server(service, helpers):
    from live_server import running

    with running(service) as address:
        yield address


def read_deltas(address, count, **headers):
    """The first `count` deltas of a connection, with their ids; then the connection is cut."""
    found, last = [], None
    with httpx.stream("GET", address, headers=headers, timeout=20) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("id: "):
                last = int(line[4:])
            elif line.startswith("data: ") and last is not None:
                found.append((last, Delta.model_validate_json(line[6:])))
                if len(found) == count:
                    return found
    raise AssertionError("the stream ended early")


def test_a_cut_stream_goes_on_after_its_last_event_and_loses_nothing(service, study, server):
    address = f"{server}/api/v1/studies/{study.id}/events"
    before = service.revision(study.id)
    segment = study.segment
    study.report(9, segment, 3)
    ((seen, first),) = read_deltas(f"{address}?after={before}", 1)
    assert seen == service.revision(study.id)
    assert [event.seq for event in first.events] == list(range(before + 1, seen + 1))

    for epoch in (4, 5, 6):  # nobody listens
        study.report(9, segment, epoch)
    study.suggest(10)
    ((now, second),) = read_deltas(f"{address}?after=0", 1, **{"Last-Event-ID": str(seen)})
    assert [event.seq for event in second.events] == list(range(seen + 1, now + 1))
    assert [row.id for row in second.trials] == [9, 10]
    curve = next(curve for curve in second.curves if curve.trial == 9)
    assert curve.epochs == (1, 2, 3, 4, 5, 6)
    detail = service.trial(study.id, 9)
    assert curve.metrics == detail.curves
    assert second.study.epochs_spent == service.summary(study.id).epochs_spent


def test_applying_every_delta_gives_the_trials_of_a_fresh_fetch(service, study, server):
    address = f"{server}/api/v1/studies/{study.id}"
    known = {row["id"]: row for row in httpx.get(f"{address}/trials").json()}
    revision = service.revision(study.id)
    for step in range(3):
        study.suggest(20 + step)
        study.run(20 + step, 0, 2)
        with httpx.stream("GET", f"{address}/events?after={revision}", timeout=20) as answer:
            text = next(line for line in answer.iter_lines() if line.startswith("data: "))
        delta = json.loads(text[6:])
        revision = delta["revision"]
        known |= {row["id"]: row for row in delta["trials"]}
    assert list(known.values()) == httpx.get(f"{address}/trials").json()


def test_too_many_changes_ask_for_a_fresh_fetch(service, study, server):
    before = service.revision(study.id)
    for trial in range(100, 140):
        study.suggest(trial)
    ((now, delta),) = read_deltas(f"{server}/api/v1/studies/{study.id}/events?after={before}", 1)
    assert delta.reset
    assert now == service.revision(study.id)


def test_a_client_from_another_history_starts_anew(study, server):
    ((_, delta),) = read_deltas(f"{server}/api/v1/studies/{study.id}/events", 1, **{"Last-Event-ID": "999999"})
    assert delta.trials or delta.reset


def test_stream_reports_while_it_is_open(service, study, server):
    import threading

    before = service.revision(study.id)
    later = threading.Timer(1.0, study.report, (9, study.segment, 3))
    later.start()
    ((_, delta),) = read_deltas(f"{server}/api/v1/studies/{study.id}/events?after={before}", 1)
    later.join()
    assert [row.epoch for row in delta.trials] == [3]
