"""Runs the web front: checks the address first, ends open streams when it stops."""

from __future__ import annotations

import asyncio
import socket
import sys
import webbrowser

import uvicorn

from dashboards.app import create_app
from dashboards.security import is_loopback
from dashboards.stream import Feed
from orchestrator.service.errors import Conflict, UsageError
from orchestrator.service.service import Service

__all__ = ["bind", "serve"]

_SUGGESTIONS = 50


def serve(
    service: Service,
    host: str = "127.0.0.1",
    port: int = 8300,
    token: str = "",
    *,
    open_browser: bool = False,
    path: str = "/",
) -> None:
    """Serve until interrupted. Port 0 takes a free one; `open_browser` opens `path`.

    Raises UsageError beyond loopback without a token, Conflict when the port is taken.
    """
    if not is_loopback(host) and not token:
        raise UsageError(
            f"{host} can be reached from other machines, so the server needs a token",
            hint="add --token SECRET (or REID_TUNE_TOKEN), or listen on 127.0.0.1",
        )
    listener = bind(host, port)
    bound = listener.getsockname()[1]
    app = create_app(service, token=token)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5, server_header=False)
    shown = f"[{host}]" if ":" in host else host
    sys.stderr.write(f"reid-tune: http://{shown}:{bound}  (Ctrl-C stops)\n")
    if open_browser:
        webbrowser.open(f"http://{shown}:{bound}{path}")
    with listener:
        StreamingServer(config, app.state.feed).run(sockets=[listener])


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


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Conflict that names a free port, UsageError for an address not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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
