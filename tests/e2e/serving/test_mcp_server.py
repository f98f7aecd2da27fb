"""`reid-tune mcp` in a real process, asked by the official SDK's own client over standard input and output."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from fastapi.testclient import TestClient
from postgres_server import free_port
from trials.spaces import TINY

from dashboards.mcp_app import guarded
from orchestrator.service.audit import read_audit
from orchestrator.service.home import Home
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest

mcp = pytest.importorskip("mcp")
from orchestrator.integrations.mcp_server import mcp_server  # noqa: E402 - needs the extra

READS = {"spaces", "space", "plan", "studies", "study", "trials", "trial", "watch", "explain", "compare", "best"}
ACTS = {"launch", "pause", "resume", "stop"}
SPACE = f"""\
name: small
recipe: demo
resources: {{cpus: 1, gpus: 0}}
budget: {{max_epochs: 2, min_epochs: 1, eta: 2, trials: 3}}
{TINY}
parameters:
  SOLVER.BASE_LR: {{type: float, low: 1.0e-4, high: 1.0e-2, log: true}}
"""
SMALL = {"space": SPACE, "trials": 3, "backend": "inline", "name": "asked"}


def ask(home, work, *words):
    """Run `work(client)` against a server of this home."""
    settings = {**os.environ, "REID_TUNE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "orchestrator.cli", "mcp", *words], env=settings
    )

    async def talk():
        async with mcp.Client(command, read_timeout_seconds=120) as client:
            return await work(client)

    with ThreadPoolExecutor(1) as elsewhere:  # the browser tests leave a loop in this thread
        return elsewhere.submit(anyio.run, talk).result()


def text_of(answer):
    return " ".join(part.text for part in answer.content if part.type == "text")


def test_a_viewer_reads_and_is_offered_nothing_that_acts(home):
    service = Service(home)
    service.create(StudyRequest(**SMALL))
    service.close()

    async def work(client):
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == READS
        assert all(tool.annotations.read_only_hint and tool.description for tool in tools)
        plan = await client.call_tool("plan", {"request": SMALL})
        assert plan.structured_content["parameters"] == 1
        study = await client.call_tool("study", {"study": "asked"})
        assert study.structured_content["name"] == "asked"
        events = await client.call_tool("watch", {"study": "asked", "after": 0, "seconds": 0})
        assert events.structured_content["result"][0]["seq"] == 1
        missing = await client.call_tool("study", {"study": "nobody"})
        assert missing.is_error
        assert "nobody" in text_of(missing)
        assert "Traceback" not in text_of(missing)
        early = await client.call_tool("best", {"study": "asked"})
        assert early.is_error
        assert "no finished epoch" in text_of(early)
        file = await client.call_tool("space", {"name": "/etc/passwd"})
        assert file.is_error
        forbidden = await client.call_tool("stop", {"study": "asked"})
        assert forbidden.is_error

    ask(home, work)


def test_an_operator_launches_watches_and_stops_and_the_audit_log_says_so(home):
    async def work(client):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == READS | ACTS
        assert not tools["launch"].annotations.read_only_hint
        assert tools["stop"].annotations.destructive_hint
        launched = await client.call_tool("launch", {"request": {**SMALL, "trials": 50}})
        assert not launched.is_error, text_of(launched)
        seen = []
        while not any(event["kind"] == "epoch_reported" for event in seen):
            told = await client.call_tool(
                "watch", {"study": "asked", "after": seen[-1]["seq"] if seen else 0, "seconds": 50}
            )
            assert told.structured_content["result"], "nothing happened for 50 s"
            seen += told.structured_content["result"]
        stopped = await client.call_tool("stop", {"study": "asked"})
        assert not stopped.is_error, text_of(stopped)
        while not any(event["kind"] == "study_ended" for event in seen):
            told = await client.call_tool("watch", {"study": "asked", "after": seen[-1]["seq"], "seconds": 50})
            assert told.structured_content["result"], "nothing happened for 50 s"
            seen += told.structured_content["result"]
        trials = await client.call_tool("trials", {"study": "asked", "limit": 1})
        assert len(trials.structured_content["result"]) == 1

    ask(home, work, "--role", "operator")
    entries = read_audit(Home(home).audit)
    assert [(entry.what, entry.who, entry.role) for entry in entries] == [
        ("launch", "mcp", "operator"),
        ("stop", "mcp", "operator"),
    ]
    assert all(entry.study for entry in entries)


def test_requests_name_files_below_the_given_roots_only(home, tmp_path):
    async def work(client):
        answer = await client.call_tool("plan", {"request": {**SMALL, "data": "/etc"}})
        assert answer.is_error
        assert "/etc" in text_of(answer)

    ask(home, work, "--data-root", str(tmp_path))


def test_over_http_it_answers_the_client_and_refuses_pages_of_other_sites(home, tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "orchestrator.cli", "mcp", "--http", "--port", str(port)]
    settings = {**os.environ, "REID_TUNE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    address = f"http://127.0.0.1:{port}/mcp"

    async def talk():
        async with mcp.Client(address, read_timeout_seconds=120) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == READS
            spaces = await client.call_tool("spaces", {})
            assert "bnneck" in text_of(spaces)

    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accepted = {"Accept": "application/json, text/event-stream"}
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=settings, stderr=log) as server:
        try:
            while True:
                assert server.poll() is None, (tmp_path / "log").read_text()
                with contextlib.suppress(httpx.ConnectError):
                    httpx.get(address)
                    break
                time.sleep(0.1)
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(anyio.run, talk).result()
            for header in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
                assert httpx.post(address, json=asked, headers={**accepted, **header}).status_code in {403, 421}
            assert httpx.post(address, content=b" " * (1024 * 1024 + 1), headers=accepted).status_code == 413
            with httpx.Client() as loop:
                answers = [loop.get(address, headers=accepted | {"Mcp-Session-Id": "none"}) for _ in range(150)]
            assert answers[-1].status_code == 429
            assert "try again in" in answers[-1].text
        finally:
            server.terminate()


def test_over_http_with_a_token_nobody_is_answered_without_it(home):
    server = mcp_server(Service(home))
    app = guarded(server.streamable_http_app(), Home(home), token="a-long-token-that-nobody-guesses")
    web = TestClient(app, base_url="http://127.0.0.1")
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Accept": "application/json, text/event-stream"}
    with web:
        assert web.post("/mcp", json=asked, headers=headers).status_code == 401
        wrong = {**headers, "Authorization": "Bearer another-long-token-nobody-guesses"}
        assert web.post("/mcp", json=asked, headers=wrong).status_code == 401
        right = {**headers, "Authorization": "Bearer a-long-token-that-nobody-guesses"}
        assert web.post("/mcp", json=asked, headers=right).status_code not in {401, 403}
    assert [entry.status for entry in read_audit(Home(home).audit)] == [401, 401]
