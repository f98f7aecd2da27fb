"""A trial's logs under a URL: what segments wrote, wherever they ran, is kept in the background and read in order."""

from __future__ import annotations

import threading

import pytest
from trials.store_server import s3_server

from orchestrator.service import remote_log
from orchestrator.service.remote_log import follow_remote, remote_lines
from orchestrator.service.trial_output import Output
from orchestrator.trial import kept_logs
from orchestrator.trial.kept_logs import KeptLogs, logs_of
from orchestrator.trial.vault import Vault
from reid_core.errors import ServerUnreachable


@pytest.fixture(params=["file", "memory", "s3"])
def url(request, tmp_path, monkeypatch):
    if request.param == "file":
        yield logs_of(f"file://{tmp_path}/vault/study/0007")
    elif request.param == "memory":
        yield logs_of(f"memory://{tmp_path.name}/study/0007")
    else:
        with s3_server(monkeypatch):
            yield logs_of("s3://lab/runs/study/0007")


@pytest.fixture
def node(tmp_path):
    """The trial's folder on a worker."""
    folder = tmp_path / "node"
    folder.mkdir()
    return folder


def append(folder, text, name="trial.log"):
    with (folder / name).open("a") as file:
        file.write(text)


def names(url):
    return [one.url.removeprefix(f"{url}/") for one in Vault(url).files()]


def until(condition):
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("waited too long")


@pytest.mark.slow
def test_segments_in_several_places_go_on_with_one_log(url, tmp_path):
    assert remote_lines(url, Output.LOG, 5) == []
    for segment, place, text in ((2, "a", "one\ntwo\n"), (9, "a", "three\n"), (10, "b", "four\nfive")):
        (tmp_path / place).mkdir(exist_ok=True)
        with KeptLogs(url, tmp_path / place, segment):
            append(tmp_path / place, text)
            append(tmp_path / place, f"said in {segment}\n", "stdout.log")
    assert names(url)[:2] == ["000002/stdout.log", "000002/trial.log"]
    assert remote_lines(url, Output.LOG, 100) == ["one", "two", "three", "four", "five"]
    assert remote_lines(url, Output.LOG, 4) == ["two", "three", "four", "five"]
    assert remote_lines(url, Output.STDOUT, 2) == ["said in 9", "said in 10"]
    assert remote_lines(url, Output.STDERR, 2) == []


@pytest.mark.slow
def test_a_log_is_kept_while_its_segment_runs_and_only_when_it_changed(url, node, monkeypatch):
    sent = []
    write = Vault.write
    monkeypatch.setattr(Vault, "write", lambda vault, name, text: (write(vault, name, text), sent.append(name)))
    with KeptLogs(url, node, 1, every=0.05):
        append(node, "begun\n")
        until(lambda: remote_lines(url, Output.LOG, 9) == ["begun"])
        threading.Event().wait(0.3)
        before = len(sent)
        append(node, "goes on\n")
        until(lambda: remote_lines(url, Output.LOG, 9) == ["begun", "goes on"])
    assert before == 1
    assert sent == ["000001/trial.log"] * 2


@pytest.mark.slow
def test_what_does_not_arrive_is_told_once_and_tried_again_without_holding_up_the_segment(node, tmp_path, caplog):
    vault = tmp_path / "vault"
    vault.write_text("a file where a folder should be")
    url = f"file://{vault}/study/logs/0001"
    with KeptLogs(url, node, 1, every=0.02):
        append(node, "begun\n")
        until(lambda: caplog.records)
        threading.Event().wait(0.2)
        vault.unlink()
        until(lambda: names(url))
    assert remote_lines(url, Output.LOG, 9) == ["begun"]
    (told,) = caplog.messages
    assert "logs of segment 1 are not kept" in told


@pytest.mark.slow
def test_a_store_that_is_gone_at_the_end_holds_up_no_segment_and_gets_the_log_later(node, tmp_path, monkeypatch):
    monkeypatch.setattr(kept_logs, "_AGAIN", 0.05)
    vault = tmp_path / "vault"
    vault.write_text("a file where a folder should be")
    url = f"file://{vault}/study/logs/0001"
    with KeptLogs(url, node, 1, wait=0.1):
        append(node, "all there was\n")
    append(node, "the next segment\n")
    vault.unlink()
    until(lambda: names(url))
    assert remote_lines(url, Output.LOG, 9) == ["all there was"]


def test_what_reads_back_as_something_else_is_sent_again(node, tmp_path, monkeypatch):
    digest, torn = Vault._digest, ["0" * 64]
    monkeypatch.setattr(kept_logs, "_AGAIN", 0.01)
    monkeypatch.setattr(Vault, "_digest", lambda vault, target: torn.pop() if torn else digest(vault, target))
    url = f"memory://{tmp_path.name}/study/logs/0001"
    with KeptLogs(url, node, 1):
        append(node, "whole\n")
    assert not torn
    assert remote_lines(url, Output.LOG, 9) == ["whole"]


def test_a_file_that_becomes_too_large_keeps_its_end_also_when_it_starts_anew(node, tmp_path, monkeypatch):
    monkeypatch.setattr(kept_logs, "LARGEST", 1000)
    url = f"file://{tmp_path}/vault/study/logs/0001"
    lines = [f"line {number:04d}" for number in range(500)]
    with KeptLogs(url, node, 1):
        append(node, "".join(f"{line}\n" for line in lines))
        append(node, "".join(f"{line}\n" for line in lines[:90]), "stdout.log")
        (node / "stdout.log").rename(node / "stdout.log.1")
        append(node, "".join(f"{line}\n" for line in lines[90:95]), "stdout.log")
    sizes = [one.bytes for one in Vault(url).files()]
    assert all(500 < size <= 1000 for size in sizes)
    assert remote_lines(url, Output.LOG, 40) == lines[-40:]
    assert remote_lines(url, Output.STDOUT, 40) == lines[55:95]


def test_reading_stops_at_a_number_of_bytes_and_gives_whole_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(remote_log, "LARGEST", 25)
    vault = Vault(f"memory://{tmp_path.name}/study/logs/0001")
    vault.write("000001/trial.log", b"not any more\n")
    vault.write("000002/trial.log", b"half of this line\nthe last but one\nlast\n")
    assert remote_lines(vault.url, Output.LOG, 9) == ["the last but one", "last"]


@pytest.mark.slow
def test_following_gives_what_comes_from_one_segment_after_another(url, node, tmp_path, monkeypatch):
    vault = Vault(url)
    vault.write("000001/trial.log", b"old\nolder\n")
    steps = iter(
        [
            ("000001/trial.log", b"old\nolder\nnew and h"),
            ("000001/trial.log", b"old\nolder\nnew and half\nno end"),
            ("000002/trial.log", b"elsewhere\n"),
            ("000002/stdout.log", b"not asked for\n"),
            ("000003/trial.log", b"last"),
        ]
    )
    done = []
    lines = follow_remote(url, Output.LOG, 1, lambda: len(done) == 5, lambda _: done.append(vault.write(*next(steps))))
    assert list(lines) == ["older", "new and half", "no end", "elsewhere", "last"]


def test_a_store_that_does_not_answer_is_told_in_time(monkeypatch, tmp_path):
    hung = threading.Event()
    monkeypatch.setattr(remote_log, "_SECONDS", 0.05)
    monkeypatch.setattr(Vault, "files", lambda _: hung.wait(30) and [])
    with pytest.raises(ServerUnreachable, match="no answer within"):
        remote_lines(f"file://{tmp_path}/vault", Output.LOG, 9)
    hung.set()


def test_following_survives_a_store_that_is_away_for_a_while(monkeypatch, tmp_path):
    vault = Vault(f"memory://{tmp_path.name}/study/logs/0001")
    vault.write("000001/trial.log", b"one\n")
    files, looks = Vault.files, []

    def away(vault):
        looks.append(vault)
        if len(looks) == 2:
            raise ConnectionError("nobody there")
        return files(vault)

    monkeypatch.setattr(Vault, "files", away)
    lines = follow_remote(vault.url, Output.LOG, 9, lambda: len(looks) == 2, lambda _: None)
    assert next(lines) == "one"
    vault.write("000001/trial.log", b"one\ntwo\n")
    assert list(lines) == ["two"]
