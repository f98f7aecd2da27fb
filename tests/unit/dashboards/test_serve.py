import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import uvicorn

from dashboards.serve import bind, serve, web_config
from orchestrator.service.errors import Conflict, UsageError
from orchestrator.service.service import Service


def test_port_in_use_names_a_free_one():
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict) as caught:
            bind("127.0.0.1", port)
    assert str(port) in caught.value.message
    suggested = int(caught.value.hint.removeprefix("use --port "))
    with bind("127.0.0.1", suggested) as free:
        assert free.getsockname()[1] == suggested


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 99999)])
def test_addresses_that_cannot_be_listened_on_are_usage_errors(host, port):
    with pytest.raises(UsageError):
        bind(host, port)


def test_beyond_loopback_needs_a_token(tmp_path):
    service = Service(tmp_path)
    with pytest.raises(UsageError, match="token"):
        serve(service, "0.0.0.0", 0)
    service.close()


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from sample_study import SampleStudy
from orchestrator.service.service import Service
from dashboards.serve import serve
service = Service(Path(sys.argv[2]))
SampleStudy(service, name="one")
serve(service, "127.0.0.1", int(sys.argv[3]))
"""


@pytest.mark.slow
def test_interrupt_ends_open_event_streams_at_once(tmp_path, request):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [sys.executable, "-c", SCRIPT, str(request.path.parent), str(tmp_path), str(port)]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE)
    try:
        stream = connected(port)
        stream.request("GET", "/api/v1/studies/one/events")
        answer = stream.getresponse()
        assert answer.readline() == b"retry: 1000\n"
        process.send_signal(signal.SIGINT)
        before = time.monotonic()
        process.wait(10)
        assert time.monotonic() - before < 4
        rest = answer.read()
    finally:
        process.kill()
        process.stderr.close()
    data = next(line for line in rest.decode().splitlines() if line.startswith("data: "))
    assert json.loads(data[6:])["study"]["name"] == "one"


class _Seen:
    """An application that says where a request came from, and how."""

    async def __call__(self, scope, _receive, send):
        if scope["type"] != "http":
            return
        text = f"{scope['client'][0]} {scope['scheme']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})


@pytest.mark.slow
@pytest.mark.parametrize(("behind_proxy", "told"), [(False, "127.0.0.1 http"), (True, "9.9.9.9 https")])
def test_forwarded_addresses_are_believed_only_behind_a_proxy(behind_proxy, told):
    config = web_config(_Seen(), behind_proxy=behind_proxy)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    with bind("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        stream = connected(listener.getsockname()[1])
        stream.request("GET", "/", headers={"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"})
        answer = stream.getresponse().read().decode()
        stream.close()
        server.should_exit = True
        thread.join(10)
    assert answer == told


def connected(port):
    """A connection, as soon as the server listens."""
    for _ in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return connection
    raise AssertionError("the server did not start")


def test_answers_do_not_wait_for_nagle():
    """asyncio sets TCP_NODELAY on the connections of a listener that says that it is TCP, and on no other's."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
