from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
from trials.studies import controller, created

from orchestrator.service import logs
from orchestrator.store import MemoryStore
from reid_core.errors import UsageError


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.delenv(logs.LEVEL, raising=False)
    monkeypatch.setenv(logs.FORMAT, "json")
    return tmp_path / "logs" / "controller.log"


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def run_study(tmp_path, file, **options):
    store = MemoryStore()
    store.create_study(created(trials=3, max_epochs=3, **options), 1.0)
    seen = []
    see = logs.event_log("id-curves", "curves", lambda logged, state: seen.append((logged, state.seq)))
    with logs.kept_in(file):
        controller(store, "id-curves", tmp_path / "study", observer=see).run()
    return list(store.events("id-curves", after=1)), seen


def test_every_event_of_a_study_is_one_json_line_with_its_ids(tmp_path, file):
    events, seen = run_study(tmp_path, file)
    told = lines(file)
    assert [line["seq"] for line in told] == [logged.seq for logged in events]
    assert {line["study"] for line in told} == {"id-curves"}
    report = next(line for line in told if line["event_kind"] == "epoch_reported")
    assert (report["trial"], report["segment"], report["epoch"], report["level"]) == (1, 1, 1, "info")
    assert [logged for logged, _ in seen] == events, "the observer behind it sees every event too"


def test_failed_segments_are_warnings_and_the_failed_study_an_error(tmp_path, file, monkeypatch):
    monkeypatch.setenv(logs.LEVEL, "warning")
    events, _ = run_study(tmp_path, file, **{"TEST.CRASH_ALWAYS": True})
    told = lines(file)
    assert {line["event_kind"] for line in told} == {"segment_ended", "study_ended"}
    assert told[-1]["level"] == "error"
    assert {line["failure"] for line in told[:-1]} == {"bug"}
    assert len(told) < len(events), "the level leaves out what goes well"


def test_no_secret_and_no_variable_of_a_traceback_reaches_a_line(file):
    planted = "hunter2hunter2"
    with logs.kept_in(file):
        log = logs.logger("orchestrator.service.test")
        log.info("store postgresql://me:%s@host/db", planted, headers={"x": f"Authorization: Bearer {planted}"})
        try:
            int(f"--token {planted}")
        except ValueError as error:
            logs.failed("broke", error, study="s")
        logging.getLogger("orchestrator.x").warning("password=%s", planted, extra={"trial": 3})
    assert planted not in file.read_text()
    first, second, third = lines(file)
    assert first["event"].startswith("store postgresql://me:")
    assert (second["study"], "ValueError" in second["exception"]) == ("s", True)
    assert (third["trial"], third["level"]) == (3, "warning")


def test_what_a_library_adds_to_every_record_for_itself_is_not_told(file, monkeypatch):
    monkeypatch.delenv(logs.FORMAT)
    plain = logging.getLogRecordFactory()

    def marked(*given, **named):
        record = plain(*given, **named)
        record.__dict__["_library_timestamp"] = 17  # as Ray does once it is imported
        return record

    logging.setLogRecordFactory(marked)
    try:
        with logs.kept_in(file):
            logs.failed("the controller gave up", UsageError("no", hint="do this"), study="s")
    finally:
        logging.setLogRecordFactory(plain)
    assert "the controller gave up: no  study=s hint=do this" in file.read_text()


def test_a_person_reads_lines_and_the_project_s_errors_say_what_to_do(file, monkeypatch):
    monkeypatch.delenv(logs.FORMAT)
    with logs.kept_in(file):
        logs.failed("the controller gave up", UsageError("no\nand no", hint="do this"), study="s")
    assert "ERROR   orchestrator.service: the controller gave up: no | and no  study=s hint=do this" in file.read_text()


@pytest.mark.slow
def test_a_file_is_turned_over_when_full_with_what_the_process_prints(file):
    code = (
        "import logging, os, sys\n"
        "from pathlib import Path\n"
        "from orchestrator.service import logs\n"
        f"path = Path({str(file)!r})\n"
        "path.parent.mkdir()\n"
        "raw = path.open('ab')\n"
        "os.dup2(raw.fileno(), 1)\n"
        "logging.getLogger().addHandler(logs.LogFile(path, most_bytes=2000))\n"
        "for number in range(2000): logging.warning('line %s', number)\n"
        "os.write(1, b'printed last')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    kept = sorted(file.parent.iterdir())
    assert len(kept) == 1 + logs.BACKUPS
    assert all(one.stat().st_size <= 2100 for one in kept)
    assert file.read_text().endswith("printed last")


def test_a_command_that_logs_to_the_terminal_leaves_no_handler_behind():
    before = logging.getLogger().handlers[:]
    with logs.told_to_the_terminal():
        assert logging.getLogger().handlers != before
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize("variable", [logs.FORMAT, logs.LEVEL])
def test_a_form_or_level_that_is_none_is_refused(variable, monkeypatch):
    monkeypatch.setenv(variable, "loud")
    with pytest.raises(UsageError) as refused:
        logs.configure()
    assert variable in refused.value.hint


def test_the_options_work_anywhere_and_reach_processes_started_later(monkeypatch):
    from orchestrator.cli.log_options import without_log_options

    monkeypatch.setenv(logs.FORMAT, "human")
    monkeypatch.setenv(logs.LEVEL, "info")
    words = without_log_options(["run", "--log-format", "json", "--space", "x", "--log-level=error"])
    assert words == ["run", "--space", "x"]
    import os

    assert (os.environ[logs.FORMAT], os.environ[logs.LEVEL]) == ("json", "error")
