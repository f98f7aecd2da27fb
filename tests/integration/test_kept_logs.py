"""Logs of a study whose checkpoints are kept under a URL outlive the disks of its workers."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from trials.studies import CURVE_TRIAL, created

from dashboards.app import create_app
from orchestrator.cli.main import cli
from orchestrator.events import StudyStatus
from orchestrator.service.retention import checkpoints_of, prune
from orchestrator.service.run import open_run
from orchestrator.service.service import Service
from orchestrator.service.trial_output import Output
from orchestrator.trial.vault import Vault
from reid_core.errors import ServerUnreachable


@pytest.fixture
def study(home, tmp_path):
    """The id of a study that ended on worker processes, whose disk is gone since; its service and its URL."""
    service, url = Service(home), f"file://{tmp_path}/vault"
    made = created(trials=3, max_epochs=9, **{"TEST.PRINT": "said aloud"})
    changes = {"checkpoints": url, "backend": "processes", "workers": 2}
    service.store.create_study(made.model_copy(update=changes), 0.0)
    with open_run(service, "id-curves", trial=CURVE_TRIAL, track=False) as handle:
        assert handle.run().status is StudyStatus.COMPLETED
    yield service, f"{url}/id-curves"
    service.close()


def lines(*words):
    found = CliRunner().invoke(cli, ["trial", "logs", "curves", *words, "--json"])
    assert found.exit_code == 0, found.output
    return found.output


def logs_under(url):
    return [one.url for one in Vault(url).files() if "/logs/" in one.url]


def test_the_logs_of_a_worker_whose_disk_is_gone_are_read_from_the_url(study):
    service, url = study
    longest = max(service.trials("curves"), key=lambda row: row.epoch).id
    segments = [one.segment for one in service.trial("curves", longest).segments]
    assert len(segments) > 1
    here = {output: service.trial_log("curves", longest, 200, output) for output in Output}
    shutil.rmtree(service.home.study("id-curves") / "trials")
    assert json.loads(lines(str(longest))) == here[Output.LOG]
    assert json.loads(lines(str(longest), "--stdout")) == ["said aloud"] * len(segments)
    assert [json.loads(one) for one in lines(str(longest), "--follow").splitlines()] == here[Output.LOG]
    begun = [line for line in here[Output.LOG] if ": epochs " in line]
    assert [f" segment {number}: epochs " in line for number, line in zip(segments, begun, strict=True)]
    with TestClient(create_app(service), base_url="http://127.0.0.1:8080") as client:
        assert begun[0] in client.get(f"/studies/id-curves/trials/{longest}").text
    shutil.rmtree(url.removeprefix("file://"))
    assert json.loads(lines(str(longest))) == []


def test_a_folder_that_lacks_the_newest_segment_is_not_taken_for_all(study):
    service, _ = study
    longest = max(service.trials("curves"), key=lambda row: row.epoch).id
    everything = service.trial_log("curves", longest)
    newest = service.trial("curves", longest).segments[-1].segment
    path = service.home.study("id-curves") / "trials" / f"{longest:04d}" / "trial.log"
    kept = [line for line in path.read_text().splitlines(keepends=True) if f"segment {newest}: " not in line]
    path.write_text("".join(kept))
    assert service.trial_log("curves", longest) == everything


def test_no_policy_removes_logs_and_deletion_does(study):
    service, url = study
    before = logs_under(url)
    assert before
    assert not [row for row in checkpoints_of(service, "curves").rows if "/logs/" in row.path]
    prune(service, "curves")
    assert logs_under(url) == before
    service.delete("curves")
    assert Vault(url).files() == []


def test_a_store_that_is_away_is_an_error_of_the_command_and_a_line_of_the_page(study, monkeypatch):
    service, _ = study
    shutil.rmtree(service.home.study("id-curves") / "trials")

    def away(_: Vault) -> None:
        raise ConnectionError("nobody there")

    with TestClient(create_app(service), base_url="http://127.0.0.1:8080") as client:
        monkeypatch.setattr(Vault, "files", away)
        found = CliRunner().invoke(cli, ["trial", "logs", "curves", "1"])
        assert isinstance(found.exception, ServerUnreachable)
        assert "cannot be read: ConnectionError: nobody there" in client.get("/studies/id-curves/trials/1").text
