"""The Model Context Protocol over HTTP on this machine, behind the guard that pages and served models have."""

from __future__ import annotations

import sys

import uvicorn
from starlette.types import ASGIApp

from dashboards.entry import Entry
from dashboards.errors import respond
from dashboards.security import Bounds, Guard
from dashboards.serve import bind, web_config
from dashboards.witness import Unnoted, Witness
from orchestrator.service.audit import Audit
from orchestrator.service.home import Home
from orchestrator.service.people import People

__all__ = ["guarded", "serve_mcp"]

_HOST = "127.0.0.1"
_BURST, _PER_SECOND = 100.0, 10.0
"""An assistant asks a few times a minute; one in a loop is told to wait."""


def guarded(app: ASGIApp, home: Home, token: str = "") -> ASGIApp:
    """`app` with the limits of a client, size of bodies and Host check; with a `token` every request must carry it."""
    nobody = home.root / "mcp-has-no-people"  # what an assistant may do is said when it is started
    return Unnoted(
        Guard(
            app,
            entry=Entry(People(nobody), token=token),
            witness=Witness(Audit(home.audit)),
            show=lambda _request, status, view: respond(status, view),
            bounds=Bounds(burst=_BURST, per_second=_PER_SECOND, programs=True),
        )
    )


def serve_mcp(app: ASGIApp, home: Home, port: int, token: str = "") -> None:
    """Serve until interrupted. Port 0 takes a free one. Raises Conflict when the port is taken."""
    listener = bind(_HOST, port)
    sys.stderr.write(f"reid-tune: http://{_HOST}:{listener.getsockname()[1]}/mcp  (Ctrl-C stops)\n")
    sys.stderr.flush()
    with listener:
        uvicorn.Server(web_config(guarded(app, home, token))).run(sockets=[listener])
