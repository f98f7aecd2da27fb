"""Clients that send slowly or too much, on a real socket."""

import socket

import pytest
from live_server import running

from orchestrator.service.service import Service


@pytest.fixture
def address(tmp_path, monkeypatch):
    monkeypatch.setattr("dashboards.connection.HEADER_SECONDS", 0.3)
    monkeypatch.setattr("dashboards.security.BODY_SECONDS", 0.3)
    service = Service(tmp_path)
    with running(service) as base:
        host, _, port = base.removeprefix("http://").partition(":")
        yield host, int(port)
    service.close()


def answer_to(address, data):
    """All that the server says until it closes the connection."""
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(data)
        said = b""
        try:
            while part := connection.recv(65536):
                said += part
        except ConnectionResetError:
            pass
        return said


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
def test_headers_that_never_end_close_the_connection(address, data):
    assert answer_to(address, data) == b""


@pytest.mark.slow
def test_the_headers_of_a_second_request_must_end_too(address):
    whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    said = answer_to(address, whole + b"GET /healthz HTTP/1.1\r\nX-Slow: ")
    assert said.count(b"HTTP/1.1 200") == 1


@pytest.mark.slow
def test_headers_that_are_too_large_are_refused(address):
    said = answer_to(address, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Large: " + b"x" * 100_000)
    assert b"HTTP/1.1 200" not in said


@pytest.mark.slow
def test_a_body_that_stops_coming_is_given_up(address):
    head = b"POST /api/v1/plan HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    said = answer_to(address, head + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    assert said.startswith(b"HTTP/1.1 408")
