"""What programs ask, a served model or the search over the Model Context Protocol, behind the guard of the pages."""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp

from dashboards.entry import Entry
from dashboards.errors import respond
from dashboards.security import Bounds, Guard
from dashboards.witness import Unnoted, Witness
from orchestrator.service.audit import Audit
from orchestrator.service.home import Home
from orchestrator.service.people import People

__all__ = ["for_programs"]


def for_programs(app: ASGIApp, *, home: Home, token: str, bounds: Bounds) -> ASGIApp:
    """`app` behind the guard: asked with the `token` where there is one, else on loopback; nobody signs in.

    Answers are no lines of the audit log, refusals are.
    """
    nobody = home.root / "programs-have-no-people"
    guard = Guard(
        app,
        entry=Entry(People(nobody), token=token),
        witness=Witness(Audit(home.audit)),
        show=lambda _request, status, view: respond(status, view),
        bounds=replace(bounds, programs=True),
    )
    return Unnoted(guard)
