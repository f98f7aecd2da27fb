"""Signing in: people, roles, sessions, tokens, guesses, and what a hostile request gets."""

import json
import stat
from functools import partial

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from dashboards.app import create_app
from dashboards.entry import COOKIE, IDLE_SECONDS, LONGEST_SECONDS, Sessions
from dashboards.limits import Attempts, Buckets, client_key
from dashboards.security import Bounds
from orchestrator.service.audit import read_audit
from orchestrator.service.people import People, Person, Role

HOME = "https://lab.example"
PASSWORD = "correct horse battery"


@pytest.fixture
def quick(monkeypatch):
    """Hashes that cost nothing: what a password is worth is one test's matter."""
    monkeypatch.setattr(People, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def people(service, quick):
    people = People(service.home.people)
    people.add("ada", Role.OPERATOR, PASSWORD)
    people.add("bob", Role.VIEWER, PASSWORD)
    return people


@pytest.fixture
def app(service, people):
    return create_app(service)


@pytest.fixture
def visit(app):
    """A browser of its own for each call."""
    opened = []

    def new(name="", **headers):
        client = TestClient(app, base_url=HOME, follow_redirects=False, headers={"Origin": HOME, **headers})
        client.__enter__()
        opened.append(client)
        if name:
            assert client.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
        return client

    yield new
    for client in opened:
        client.__exit__(None, None, None)


def entries(service):
    return read_audit(service.home.audit)


# people -----------------------------------------------------------------------


def test_neither_password_nor_token_can_be_read_back(service, people):
    token = people.new_token("ada")
    kept = service.home.people.read_text()
    assert PASSWORD not in kept
    assert token not in kept
    assert stat.S_IMODE(service.home.people.stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_guess_at_a_stolen_hash_costs_what_rfc_9106_asks_for(service):
    people = People(service.home.people)
    people.add("ada", Role.OPERATOR, PASSWORD)
    kept = json.loads(service.home.people.read_text())["people"]["ada"]["password"]
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert people.by_password("ada", PASSWORD) == people.find("ada")
    assert people.by_password("ada", PASSWORD + "!") is None


def test_another_process_sees_changes_at_once(service, people):
    other = People(service.home.people)
    assert [person.name for person in other.all()] == ["ada", "bob"]
    people.remove("bob")
    assert [person.name for person in other.all()] == ["ada"]


@pytest.mark.slow
def test_a_torn_list_of_people_lets_nobody_in(service, people, visit):
    client = visit("ada")
    service.home.people.write_text('{"people": {"ada": ')
    fresh = TestClient(create_app(service), base_url=HOME, follow_redirects=False)
    assert fresh.get("/").status_code == 503
    answer = client.get("/api/v1/studies")
    assert answer.status_code == 503
    assert str(service.home.root) not in answer.text


# signing in -------------------------------------------------------------------


@pytest.mark.slow
def test_people_make_every_page_ask_for_a_login(visit, study):
    client = visit()
    assert client.get(f"/studies/{study.id}").headers["location"] == f"/login?next=/studies/{study.id}"
    assert client.get("/api/v1/studies").status_code == 401
    assert client.get("/login").status_code == 200
    assert client.get("/healthz").status_code == 200


@pytest.mark.slow
def test_a_session_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(visit):
    answer = visit().post("/login", data={"name": "ada", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" in cookie
    assert "max-age=" in cookie


@pytest.mark.slow
@pytest.mark.parametrize("given", [("ada", "wrong password"), ("eve", PASSWORD), ("", PASSWORD), ("ada", "x" * 5000)])
def test_wrong_names_and_passwords_look_the_same(visit, given):
    answer = visit().post("/login", data={"name": given[0], "password": given[1], "token": given[1]})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert given[0] == "" or "That is not the name and the password." in answer.text


def test_a_name_that_nobody_has_is_judged_by_a_hash_too(people, monkeypatch):
    judged, hasher = [], people._hasher

    class Counting:
        def hash(self, password):
            return hasher.hash(password)

        def verify(self, kept, given):
            judged.append(kept[:9])
            return hasher.verify(kept, given)

    people.__dict__["_hasher"] = Counting()
    assert people.by_password("eve", PASSWORD) is None
    assert people.by_password("ada", "wrong password") is None
    assert judged == ["$argon2id", "$argon2id"]


@pytest.mark.slow
def test_guesses_are_slowed_down_by_name_and_address(visit):
    client = visit()
    for _ in range(5):
        assert client.post("/login", data={"name": "ada", "password": "wrong password"}).status_code == 403
    answer = client.post("/login", data={"name": "ada", "password": PASSWORD})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert client.post("/login", data={"name": "bob", "password": PASSWORD}).status_code == 303


@pytest.mark.slow
def test_guesses_at_tokens_are_slowed_down(visit, people):
    token = people.new_token("ada")
    client = visit()
    for _ in range(5):
        assert client.get("/api/v1/studies", headers={"Authorization": "Bearer wrong"}).status_code == 401
    refused = client.get("/api/v1/studies", headers={"Authorization": "Bearer wrong"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    long = client.get("/api/v1/studies", headers={"Authorization": f"Bearer {token[:-1]}"})
    assert long.status_code == 429


@pytest.mark.slow
def test_wrong_tokens_lock_no_right_one_out(visit, people):
    token = people.new_token("ada")
    client = visit()
    for _ in range(30):
        client.get("/api/v1/studies", headers={"Authorization": f"Bearer {token[:-1]}"})
        client.post("/login", data={"token": token[:-1]})
    assert client.get("/api/v1/studies", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert client.post("/login", data={"token": token}).status_code == 303


@pytest.mark.slow
def test_a_short_token_of_the_server_can_be_guessed_only_slowly(service):
    with TestClient(create_app(service, token="1234"), base_url=HOME, follow_redirects=False) as client:
        for _ in range(5):
            assert client.get("/api/v1/studies", headers={"Authorization": "Bearer 1233"}).status_code == 401
        assert client.get("/api/v1/studies", headers={"Authorization": "Bearer 1234"}).status_code == 429


def test_a_right_password_is_no_guess():
    attempts = Attempts(clock=lambda: 0.0)
    for _ in range(50):
        assert attempts.begin("1.2.3.4", "ada") == 0
        attempts.right("1.2.3.4", "ada")


def test_guesses_from_many_addresses_at_one_name_are_slowed_down():
    attempts = Attempts(clock=lambda: 0.0)
    waits = [attempts.begin(f"10.0.0.{number}", "ada") for number in range(101)]
    assert waits[:100] == [0] * 100
    assert waits[100] > 0


@pytest.mark.slow
def test_signing_out_ends_the_session_not_only_the_cookie(visit):
    client = visit("ada")
    session = client.cookies[COOKIE]
    assert client.get("/").status_code == 200
    assert client.post("/logout").headers["location"] == "/login"
    client.cookies.set(COOKIE, session, domain="lab.example")
    assert client.get("/").status_code == 303


@pytest.mark.slow
def test_signing_in_again_ends_the_session_before(visit):
    client = visit("ada")
    before = client.cookies[COOKIE]
    client.post("/login", data={"name": "ada", "password": PASSWORD})
    other = visit()
    other.cookies.set(COOKIE, before, domain="lab.example")
    assert other.get("/").status_code == 303


@pytest.mark.slow
@pytest.mark.parametrize(
    "end", [lambda people: people.remove("ada"), lambda people: people.set_password("ada", "another long one")]
)
def test_removal_and_a_new_password_end_sessions_and_token(visit, people, end):
    client, token = visit("ada"), people.new_token("ada")
    program = visit(Authorization=f"Bearer {token}")
    assert client.get("/").status_code == program.get("/").status_code == 200
    end(people)
    assert client.get("/").status_code == 303
    assert program.get("/api/v1/studies").status_code == 401


def test_sessions_run_out():
    now = [0.0]
    sessions, ada = Sessions(clock=lambda: now[0]), Person("ada", Role.OPERATOR)
    idle, used = sessions.begin(ada), sessions.begin(ada)
    for step in range(int(LONGEST_SECONDS // IDLE_SECONDS) + 1):
        now[0] = step * IDLE_SECONDS
        assert sessions.find(used) == ada
    assert sessions.find(idle) is None
    now[0] = LONGEST_SECONDS + 1
    assert sessions.find(used) is None


@pytest.mark.slow
def test_the_last_person_removed_does_not_open_the_door(visit, people):
    client = visit("ada")
    people.remove("ada")
    people.remove("bob")
    assert client.get("/").status_code == 303


# roles ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_viewer_reads_and_changes_nothing(visit, study, service):
    client, before = visit("bob"), service.revision(study.id)
    page = client.get(f"/studies/{study.id}")
    assert page.status_code == 200
    assert 'data-verb="stop"' not in page.text
    assert 'href="/launch"' not in client.get("/").text
    for path in (f"/studies/{study.id}/stop", f"/api/v1/studies/{study.id}/stop", "/api/v1/studies", "/launch"):
        answer = client.post(path, json={"space": "bnneck"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "viewer")
    for method in ("DELETE", "PUT", "PATCH"):
        assert client.request(method, f"/api/v1/studies/{study.id}").status_code == 403
    assert client.get("/launch").json()["error"]["code"] == "viewer"
    shown = client.get("/launch", headers={"Accept": "text/html"})
    assert (shown.status_code, shown.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "bob may look, not act" in shown.text
    assert service.revision(study.id) == before


@pytest.mark.slow
def test_an_operator_acts_under_their_own_name(visit, study, service):
    client = visit("ada")
    assert 'data-verb="stop"' in client.get(f"/studies/{study.id}").text
    assert client.post(f"/api/v1/studies/{study.id}/pause").status_code == 200
    asked = [one.command.by for one in service.store.pending(study.id)]
    told = asked or [event.event.by for event in service.store.events(study.id) if hasattr(event.event, "by")]
    assert told[-1] == "ada from testclient"


@pytest.mark.slow
def test_a_person_s_token_may_do_what_the_person_may(visit, people, study):
    viewer = visit(Authorization=f"Bearer {people.new_token('bob')}")
    operator = visit(Authorization=f"Bearer {people.new_token('ada')}")
    address = f"/api/v1/studies/{study.id}/pause"
    assert viewer.get("/api/v1/studies").status_code == 200
    assert viewer.post(address).status_code == 403
    assert operator.post(address).status_code == 200


@pytest.mark.slow
def test_a_new_token_ends_the_one_before(visit, people):
    first = people.new_token("ada")
    second = people.new_token("ada")
    assert visit(Authorization=f"Bearer {first}").get("/api/v1/studies").status_code == 401
    assert visit(Authorization=f"Bearer {second}").get("/api/v1/studies").status_code == 200


# hostile requests -------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://lab.example.evil.example"},
        {"Origin": "https://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "none"},
    ],
)
def test_other_sites_cannot_use_a_session(visit, study, service, headers):
    client, before = visit("ada"), service.revision(study.id)
    for path in (f"/studies/{study.id}/stop", f"/api/v1/studies/{study.id}/stop", "/login", "/logout"):
        answer = client.post(path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross-site")
    assert service.revision(study.id) == before
    assert client.get("/").status_code == 200


@pytest.mark.slow
def test_a_session_without_an_origin_changes_nothing(visit, study):
    client = visit("ada")
    del client.headers["Origin"]
    assert client.post(f"/api/v1/studies/{study.id}/stop").json()["error"]["code"] == "cross-site"


@pytest.mark.slow
def test_one_client_cannot_ask_without_end(service, monkeypatch):
    monkeypatch.setattr("dashboards.security.Bounds", partial(Bounds, burst=3.0, per_second=0.001))
    client = TestClient(create_app(service), base_url="http://127.0.0.1")
    assert [client.get("/healthz").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert int(client.get("/healthz").headers["retry-after"]) > 0


def test_buckets_forget_clients_that_were_silent_longest():
    buckets = Buckets(1, 0.001, clock=lambda: 0.0)
    for number in range(20_000):
        buckets.take(str(number))
    assert len(buckets._left) == 10_000


def test_a_customer_s_ipv6_addresses_are_one_client():
    assert client_key("2001:db8::1") == client_key("2001:db8::ffff:1")
    assert client_key("2001:db8::1") != client_key("2001:db8:0:1::1")
    assert client_key("10.0.0.1") != client_key("10.0.0.2")


@pytest.mark.slow
def test_every_answer_over_https_asks_for_https_and_gives_no_rights(visit):
    headers = visit().get("/login").headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-store"


@pytest.mark.slow
def test_plain_http_is_not_told_to_be_https(client):
    assert "strict-transport-security" not in client.get("/").headers


# the audit log ----------------------------------------------------------------


@pytest.mark.slow
def test_sign_ins_refusals_and_changes_are_noted(visit, study, service):
    visit().post("/login", data={"name": "ada", "password": "wrong password"})
    visit().post("/login", data={"name": PASSWORD, "password": "typed into the wrong field"})
    client = visit("bob")
    client.post(f"/api/v1/studies/{study.id}/stop")
    client.get("/")
    client.post("/logout")
    visit("ada").post(f"/api/v1/studies/{study.id}/pause")
    seen = [(one.what, one.who, one.role, one.study, one.status) for one in entries(service)]
    assert seen == [
        ("login", "ada", "", "", 403),
        ("login", "", "", "", 403),
        ("login", "bob", "", "", 303),
        ("refused", "bob", "viewer", study.id, 403),
        ("logout", "bob", "viewer", "", 303),
        ("login", "ada", "", "", 303),
        ("pause", "ada", "operator", study.id, 200),
    ]
    assert all(one.address == "testclient" and one.at > 1e9 for one in entries(service))
    assert PASSWORD not in service.home.audit.read_text()
    assert stat.S_IMODE(service.home.audit.stat().st_mode) == 0o600


@pytest.mark.slow
def test_a_flood_of_refusals_fills_no_disk(visit, service):
    client = visit()
    for _ in range(300):
        client.post("/api/v1/studies", json={})
    noted = entries(service)
    assert 200 <= len(noted) < 300
    assert {one.what for one in noted} == {"refused"}


@pytest.mark.slow
def test_a_flood_of_posts_from_nobody_is_noted_as_refusals(visit, service):
    client = visit()
    for _ in range(150):
        assert client.post("/studies/cows/stop").status_code == 303
        assert client.put("/login").status_code == 405
        client.post("/studies/cows/stop", headers={"Content-Length": "99999999"})
    noted = entries(service)
    assert 200 <= len(noted) < 300
    assert {(one.what, one.who) for one in noted} == {("refused", ""), ("login", "")}


@pytest.mark.slow
def test_an_audit_log_that_cannot_be_written_is_told(visit, service, study, capsys):
    service.home.audit.mkdir()
    assert visit("ada").post(f"/api/v1/studies/{study.id}/pause").status_code == 200
    assert "the audit log cannot be written" in capsys.readouterr().err
