"""Notes for the audit log what the guard saw: sign-ins, refusals, and requests that changed something."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.limits import Buckets
from orchestrator.service.audit import Audit, AuditEntry
from orchestrator.service.people import Person

__all__ = ["Unnoted", "Witness"]

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_SAFE = frozenset({"GET", "HEAD"})
_STUDY = re.compile(r"/studies/(?P<study>[^/]+)(?:/trials/(?P<trial>[^/]+))?(?:/(?P<verb>[^/]+))?")
_PREVIEWS = frozenset({"/api/v1/plan"})  # asked with POST, change nothing


class Witness:
    """Writes the audit log. A flood of refusals fills no disk: 200 at once, then two a second, the rest is counted."""

    def __init__(self, audit: Audit, *, clock: Callable[[], float] = time.time) -> None:
        self._audit = audit
        self._clock = clock
        self._strangers = Buckets(200, 2.0)
        self._left_out = 0

    def saw(self, scope: Scope, status: int, *, refused: bool = False) -> None:
        """An answer with this status begins; it is noted when it is worth a line.

        `refused`: nothing was done, whatever the status says, such as a redirect to where one signs in.
        """
        path, method = str(scope["path"]), str(scope["method"])
        quiet = method in _SAFE or path in _PREVIEWS or scope["state"].get("preview")
        if quiet and status not in _REFUSED:
            return
        refused = refused or status in _REFUSED
        person = scope["state"].get("person")
        if not isinstance(person, Person) and refused and self._strangers.take(""):
            self._left_out += 1
            return
        found = _STUDY.search(path)
        study, trial, verb = found.group("study", "trial", "verb") if found else ("", "", "")
        last = path.rstrip("/").rpartition("/")[2]
        entry = AuditEntry(
            at=self._clock(),
            what="refused" if refused and last != "login" else (verb or ("create" if last == "studies" else last)),
            who=scope["state"].get("who") or (person.name if isinstance(person, Person) else ""),
            role=person.role.value if isinstance(person, Person) else "",
            address=scope["client"][0] if scope.get("client") else "",
            method=method,
            path=path,
            study=study or "",
            trial=trial or "",
            status=status,
            left_out=self._left_out,
        )
        self._left_out = 0
        self._audit.write(entry)


class Unnoted:
    """ASGI middleware for what changes nothing, or notes itself what it changed: no answer is a line of the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, marked."""
        scope.setdefault("state", {})["preview"] = True
        await self._app(scope, receive, send)
