from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from trials.studies import controller, created

from orchestrator.service.bundle import make_bundle
from orchestrator.service.people import People, Role
from orchestrator.service.service import Service
from orchestrator.trial.kept_logs import KeptLogs, logs_of
from orchestrator.trial.vault import vault_of
from reid_core.errors import Conflict, NotFound, ServerUnreachable

PLANTED = [
    f"p1anted-{where}-s3cret"
    for where in (
        "env",
        "other",
        "store",
        "ray",
        "mlflow",
        "command",
        "hook",
        "hookpath",
        "hookenv",
        "person",
        "mail",
        "log",
        "trial",
        "daemon",
    )
]
ENV, OTHER, STORE, RAY, MLFLOW, COMMAND, HOOK, HOOKPATH, HOOKENV, PERSON, MAIL, LOG, TRIAL, DAEMON = PLANTED


@pytest.fixture
def service(tmp_path, monkeypatch):
    made = Service(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    yield made
    made.close()


@pytest.fixture
def study(service):
    first = created(trials=2, max_epochs=3).model_copy(
        update={
            "command": f"reid-tune run --space bnneck --ray-address ray://x:{COMMAND}@h:1 --token {COMMAND}",
            "ray_address": f"ray://lab:{RAY}@head:10001",
        }
    )
    service.store.create_study(first, 1.0)
    folder = service.home.study("id-curves")
    folder.mkdir(parents=True)
    controller(service.store, "id-curves", folder).run()
    return folder


def plant(service, study, monkeypatch):
    """Secrets wherever reid-tune has or sees some."""
    monkeypatch.setenv("REID_TUNE_TOKEN", ENV)
    monkeypatch.setenv("SOMEBODYS_API_KEY", OTHER)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{MLFLOW}@tracking.example.org")
    monkeypatch.setenv("RAY_ADDRESS", f"ray://lab:{RAY}@127.0.0.1:1")
    monkeypatch.setenv("CHAT_URL", f"https://chat.example.org/in/{HOOKENV}")
    monkeypatch.setenv("MAIL_PASSWORD", MAIL)
    (service.home.root / "notify.yaml").write_text(
        f"channels:\n"
        f"  a: {{kind: webhook, url: 'https://u:{HOOK}@chat.example.org/in/T0/{HOOKPATH}'}}\n"
        f"  b: {{kind: webhook, url_env: CHAT_URL}}\n"
        f"  c: {{kind: email, to: [a@b.c], from: a@b.c, server: s, user_env: HOME, password_env: MAIL_PASSWORD}}\n"
    )
    People(service.home.people).add("anna", Role.OPERATOR, PERSON)
    (study / "controller.log").write_text(
        f"store postgresql://me:{STORE}@db/reid failed\nAuthorization: Bearer {LOG}\n"
        f"posting to https://chat.example.org/in/T0/{HOOKPATH}\nenvironment {ENV} {OTHER} {HOOKENV} {MAIL}\n"
    )
    (study / "trials" / "0001" / "trial.log").write_text(f"password={TRIAL}\n")
    (service.home.root / "daemon.log").write_text(f"--token {DAEMON}\n")


def read(path):
    with zipfile.ZipFile(path) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


@pytest.mark.slow
def test_no_secret_is_in_any_byte_of_the_bundle(service, study, monkeypatch):
    plant(service, study, monkeypatch)
    made = make_bundle(service, "curves", None)
    parts = read(made.path)
    whole = Path(made.path).read_bytes() + b"".join(parts.values()) + "".join(parts).encode()
    assert [secret for secret in PLANTED if secret.encode() in whole] == []
    hashed = json.loads(service.home.people.read_text())
    assert "argon2" in json.dumps(hashed)
    assert b"argon2" not in b"".join(parts.values())


@pytest.mark.slow
def test_it_holds_what_helps_and_no_checkpoint_or_image(service, study):
    (study / "trials" / "0001" / "trial.log").write_text("trained\n")
    (study / "trials" / "0001" / "cow.jpg").write_bytes(b"\xff\xd8 a picture")
    (study / "trials" / "0001" / "leads-away.log").symlink_to(study / "trials" / "0001" / "cow.jpg")
    (study / "controller.log").write_text("x" * 2**21 + "\nthe last line\n")
    made = make_bundle(service, "latest", None)
    parts = read(made.path)
    assert {"versions.json", "environment.json", "doctor.json", "studies.json", "sizes.json", "daemon.json"} <= set(
        parts
    )
    assert parts["study/controller.log"].decode().endswith("the last line\n")
    assert len(parts["study/controller.log"]) < 2**20 + 100
    assert parts["study/trials/0001/trial.log"] == b"trained\n"
    events = [json.loads(line) for line in parts["study/events.jsonl"].splitlines()]
    assert [one["seq"] for one in events] == list(range(1, service.store.last_seq("id-curves") + 1))
    assert "brackets" in json.loads(parts["study/plan.json"])
    assert b"a picture" not in b"".join(parts.values())
    assert not [name for name in parts if name.endswith((".json", ".jpg")) and "/trials/" in name]
    assert json.loads(parts["environment.json"]).get("PATH") is None
    assert {name: len(text) for name, text in parts.items()} == made.parts


def test_only_its_owner_reads_it_and_nothing_is_written_over(service, tmp_path):
    out = tmp_path / "bundle.zip"
    make_bundle(service, None, out)
    assert out.stat().st_mode & 0o077 == 0
    with pytest.raises(Conflict, match="exists already"):
        make_bundle(service, None, out)
    with pytest.raises(NotFound):
        make_bundle(service, "nobody", None)


def test_a_part_that_cannot_be_read_is_named_and_the_rest_is_there(service):
    (service.home.root / "notify.yaml").write_text("channels: [")
    parts = read(make_bundle(service, None, None).path)
    assert parts["notifications.json"].startswith(b"cannot be read: InvalidInput")
    assert json.loads(parts["versions.json"])["packages"]["pydantic"]


@pytest.mark.slow
def test_of_a_long_log_the_first_and_the_newest_events_are_there_as_far_as_they_can_be_read(
    service, study, monkeypatch
):
    monkeypatch.setattr("orchestrator.service.bundle.MOST_EVENTS", 4)
    last = service.store.last_seq("id-curves")
    made = make_bundle(service, "curves", Path("short.zip"))
    lines = read(made.path)["study/events.jsonl"].splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, *range(last - 3, last + 1)]
    events = service.store.events

    def broken(*asked, **options):
        for number, one in enumerate(events(*asked, **options)):
            if number == 2:
                raise ServerUnreachable("the store went away")
            yield one

    monkeypatch.setattr(service.store, "events", broken)
    lines = read(make_bundle(service, "curves", Path("broken.zip")).path)["study/events.jsonl"].splitlines()
    assert [json.loads(line)["seq"] for line in lines[:-1]] == [1, last - 3, last - 2]
    assert lines[-1] == b"cannot be read: ServerUnreachable: the store went away"


@pytest.mark.slow
def test_logs_of_trials_that_ran_elsewhere_come_from_the_checkpoints_url(service, tmp_path):
    url, worker = f"file://{tmp_path}/vault", tmp_path / "worker"
    service.store.create_study(created(trials=2, max_epochs=3).model_copy(update={"checkpoints": url}), 1.0)
    controller(service.store, "id-curves", service.home.study("id-curves")).run()
    shutil.rmtree(service.home.study("id-curves") / "trials")
    worker.mkdir()
    with KeptLogs(logs_of(vault_of(url, "id-curves", 1)), worker, 9):
        (worker / "stderr.log").write_text(f"Traceback of password={TRIAL}\n")
    parts = read(make_bundle(service, "curves", None).path)
    assert parts["study/trials/0001/elsewhere/stderr.log"] == b"Traceback of password=***\n"
    assert {name.rpartition("/")[2] for name in parts if "/0001/elsewhere/" in name} == {"stderr.log", "trial.log"}
    assert b"segment 1: completed" in parts["study/trials/0001/elsewhere/trial.log"]


@pytest.mark.slow
def test_a_url_that_does_not_answer_is_asked_once(service, monkeypatch):
    made = created(trials=2, max_epochs=3).model_copy(update={"checkpoints": "memory://vault"})
    service.store.create_study(made, 1.0)
    controller(service.store, "id-curves", service.home.study("id-curves")).run()
    shutil.rmtree(service.home.study("id-curves") / "trials")
    asked = []

    def silent(url, output, lines):
        asked.append(url)
        raise ServerUnreachable("no answer within 10 s")

    monkeypatch.setattr("orchestrator.service.bundle.remote_lines", silent)
    parts = read(make_bundle(service, "curves", None).path)
    assert len(asked) == 1
    (told,) = (text for name, text in parts.items() if "elsewhere" in name)
    assert told == b"cannot be read: no answer within 10 s\n"
