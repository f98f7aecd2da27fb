"""Runs the web front: checks the address first, ends open streams when it stops."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import webbrowser
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from dashboards.app import create_app
from dashboards.connection import PatientProtocol
from dashboards.security import is_loopback
from dashboards.stream import Feed
from orchestrator.service.errors import Conflict, UsageError
from orchestrator.service.people import People
from orchestrator.service.service import Service

__all__ = ["announce", "bind", "serve", "web_config"]

LARGEST_HEADERS = 32 * 1024
MOST_CONNECTIONS = 1000
"""Connections, open streams among them; who comes then is answered 503."""

_SUGGESTIONS = 50


def serve(  # noqa: PLR0913 - what `reid-tune serve` offers
    service: Service,
    host: str = "127.0.0.1",
    port: int = 8300,
    token: str = "",
    *,
    open_browser: bool = False,
    login: bool = False,
    data_roots: Sequence[str] = (),
    access_log: bool = False,
    behind_proxy: bool = False,
    path: str = "/",
) -> None:
    """Serve until interrupted. Port 0 takes a free one; `open_browser` opens `path`; `access_log` logs every request.

    `login`: people sign in on loopback too. Requests may name files below `data_roots` only; any where nobody has to
    sign in and no roots are given. `behind_proxy`: as for `web_config`. Raises UsageError where a login is needed and
    neither a token nor people are there, Conflict when the port is taken.
    """
    if (login or not is_loopback(host)) and not token and not People(service.home.people).all():
        raise UsageError(
            "a server for other machines needs people who sign in, or a token",
            hint="`reid-tune users add NAME`, or --token SECRET (or REID_TUNE_TOKEN), or listen on 127.0.0.1 only",
        )
    listener = bind(host, port)
    app = create_app(service, token=token, login=login or not is_loopback(host), data_roots=data_roots)
    config = web_config(app, behind_proxy=behind_proxy)
    if access_log:
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    address = announce(listener, host)
    if open_browser:
        webbrowser.open(f"{address}{path}")
    with listener:
        StreamingServer(config, app.state.feed).run(sockets=[listener])


def web_config(app: ASGIApp, *, behind_proxy: bool = False) -> uvicorn.Config:
    """How the server speaks HTTP: headers of 32 KiB at most, no client may hold a connection by sending slowly.

    `behind_proxy`: a proxy on this machine says who asks, and whether over TLS. Else whoever says so is not believed.
    """
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=5,
        timeout_keep_alive=15,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=LARGEST_HEADERS,
        server_header=False,
        proxy_headers=behind_proxy,
    )


class StreamingServer(uvicorn.Server):
    """Ends the event streams first: uvicorn would wait for them to end by themselves."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the feed, let its streams notice, then stop as uvicorn does."""
        self._feed.close()
        await asyncio.sleep(0)
        await super().shutdown(sockets)


def announce(listener: socket.socket, host: str, path: str = "") -> str:
    """Tell on standard error where `path` is served; returns the address without it."""
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    sys.stderr.write(f"reid-tune: {address}{path}  (Ctrl-C stops)\n")
    sys.stderr.flush()
    return address


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Conflict that names a free port, UsageError for an address not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off for sockets that say that they are TCP: else answers wait 40 ms for an ACK
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OverflowError as error:
        listener.close()
        raise UsageError(f"{port} is not a port", hint="choose 1 to 65535, or 0 for any free one") from error
    except PermissionError as error:
        listener.close()
        raise UsageError(f"no right to listen on port {port}", hint="choose a port above 1023") from error
    except socket.gaierror as error:
        listener.close()
        raise UsageError(f"{host} is not an address of this machine", hint="use 127.0.0.1 or 0.0.0.0") from error
    except OSError as error:
        listener.close()
        free = _free_port(host, port, family)
        hint = f"use --port {free}" if free else "use --port 0 for any free one"
        raise Conflict(f"cannot listen on {host}:{port}: {error.strerror or error}", hint=hint) from error
    return listener


def _free_port(host: str, port: int, family: int) -> int | None:
    """The next port above `port` that nobody listens on, or None."""
    for candidate in range(port + 1, min(port + _SUGGESTIONS, 65535)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return candidate
    return None
