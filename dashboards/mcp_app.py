"""The Model Context Protocol over HTTP on this machine, behind the guard that pages and served models have."""

from __future__ import annotations

import uvicorn
from starlette.types import ASGIApp

from dashboards.programs import for_programs
from dashboards.security import Bounds
from dashboards.serve import announce, bind, web_config
from orchestrator.service.home import Home

__all__ = ["guarded", "serve_mcp"]

_HOST = "127.0.0.1"
_BOUNDS = Bounds(burst=100.0, per_second=10.0)
"""An assistant asks a few times a minute; one in a loop is told to wait."""


def guarded(app: ASGIApp, home: Home, token: str = "") -> ASGIApp:
    """`app` with the limits of a client, size of bodies and Host check; with a `token` every request must carry it."""
    return for_programs(app, home=home, token=token, bounds=_BOUNDS)


def serve_mcp(app: ASGIApp, home: Home, port: int, token: str = "") -> None:
    """Serve until interrupted. Port 0 takes a free one. Raises Conflict when the port is taken."""
    listener = bind(_HOST, port)
    announce(listener, _HOST, "/mcp")
    with listener:
        uvicorn.Server(web_config(guarded(app, home, token))).run(sockets=[listener])
