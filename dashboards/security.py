"""Who may ask what: host, origin, login, role, how often, body size, and the headers that keep a page's rights small.

Without a login the server listens on loopback only. A page on the web can still reach loopback through the
visitor's browser, so the Host header must name loopback (a rebound DNS name does not) and a request that changes
something must come from our own pages (Sec-Fetch-Site, Origin). With a login, every request but that to sign in and
the health checks carries a session, as a cookie that scripts cannot read and other sites cannot send, or a token as
`Authorization: Bearer TOKEN`; who signed in as a viewer changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.entry import COOKIE, Entry
from dashboards.error_page import BodyFault
from dashboards.errors import ErrorView, respond
from dashboards.limits import Buckets, client_key
from dashboards.witness import Witness
from orchestrator.service.errors import ReidTuneError
from orchestrator.service.people import Role

__all__ = ["COOKIE", "MAX_BODY", "Bounds", "Guard", "is_loopback", "too_many"]

MAX_BODY = 1024 * 1024
BODY_SECONDS = 30.0
"""A body that pauses for so long is given up."""
BURST, PER_SECOND = 2000.0, 200.0
"""Requests that one client may send at once, and how many a second in the long run."""
_OPEN = frozenset({"/login", "/healthz", "/readyz"})
_SAFE = frozenset({"GET", "HEAD"})
_OPERATORS_ONLY = frozenset({"/launch"})
_OWN = frozenset({"/login", "/logout"})  # posts that everybody may send

Show = Callable[[Request, int, ErrorView], Response]


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without port) is this machine's loopback."""
    return host in {"localhost", "::1", "[::1]"} or (host.startswith("127.") and host.replace(".", "").isdigit())


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of a body, requests of one client at once and a second; `programs`: nobody comes here with a browser."""

    body: int = MAX_BODY
    burst: float = BURST
    per_second: float = PER_SECOND
    programs: bool = False


class Guard:
    """ASGI middleware around the whole application. `script_hashes` are CSP sources such as 'sha256-...'.

    `show` tells people and programs, each in their form, what they may not do. `bounds` are those of one client.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        entry: Entry,
        witness: Witness,
        show: Show,
        script_hashes: tuple[str, ...] = (),
        bounds: Bounds | None = None,
    ) -> None:
        self._app = app
        self._bounds = bounds or Bounds()
        self._show = show
        self._entry = entry
        self._witness = witness
        self._requests = Buckets(self._bounds.burst, self._bounds.per_second)
        scripts = " ".join(("'self'", *script_hashes))
        self._headers = {
            "Content-Security-Policy": (
                f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; "
                "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a limited body and the security headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started = False
        try:
            closed = self._entry.closed
        except ReidTuneError:  # nobody is let in while nobody can say who may
            await self._no_list(scope)(scope, receive, send)
            return

        faults: list[Response] = []  # of the body, whatever the application makes of an end that is none
        refused = False

        async def answer(message: Message) -> None:
            nonlocal started
            if faults and not started:
                return
            if message["type"] == "http.response.start":
                started = True
                self._sign(scope, message, closed=closed)
                stranger = closed and not _known(scope, message["status"])
                self._witness.saw(scope, message["status"], refused=refused or stranger)
            await send(message)

        refusal = self._refuse(scope, closed=closed)
        if refusal is not None:
            refused = True
            await refusal(scope, receive, answer)
            return
        with contextlib.suppress(BodyFault):
            await self._app(scope, _limited(receive, faults, self._bounds.body), answer)
        if faults and not started:
            refused = True
            await faults.pop()(scope, receive, answer)

    def _no_list(self, scope: Scope) -> Response:
        view = ErrorView(
            code="no-list-of-people", message="the list of people cannot be read", hint="see the server's log"
        )
        return self._show(Request(scope), HTTPStatus.SERVICE_UNAVAILABLE, view)

    def _sign(self, scope: Scope, message: Message, *, closed: bool) -> None:
        """The headers of every answer."""
        headers = MutableHeaders(scope=message)
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        if scope.get("scheme") == "https":
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if closed and not scope["path"].startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")  # what a person may see stays with that person

    def _refuse(self, scope: Scope, *, closed: bool) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        address = client_key(scope["client"][0] if scope.get("client") else "")
        wait = self._requests.take(address)
        if wait:
            return too_many(wait, "requests")
        if not closed and not is_loopback(_hostname(host)):
            return _forbidden(
                "bad-host",
                f"this server answers to loopback names only, not to {host!r}",
                "open http://127.0.0.1 with its port, or start with a token to serve other names",
            )
        if scope["method"] not in _SAFE and not _same_origin(headers, host):
            return _forbidden("cross-site", "a request that changes something must come from this site", "")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 15 or int(length) > self._bounds.body:
            return _too_large(self._bounds.body)
        return self._without_login(scope, headers, address) if closed else None

    def _without_login(self, scope: Scope, headers: Headers, address: str) -> Response | None:
        path: str = scope["path"]
        if path in _OPEN or path.startswith("/static/"):
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            person, wait = self._entry.tried(given.strip(), address)
            if wait:
                return too_many(wait, "wrong tokens")
        else:
            person = self._entry.by_cookie(headers)
            if person is not None and scope["method"] not in _SAFE and not _says_origin(headers):
                return _forbidden("cross-site", "a session changes something only from a page of this site", "")
        if person is None:
            return _sign_in_first(path, program=self._bounds.programs)
        scope["state"]["person"] = person
        acts = scope["method"] not in _SAFE and path not in _OWN
        if person.role is not Role.OPERATOR and (acts or path in _OPERATORS_ONLY):
            message, hint = f"{person.name} may look, not act", "ask for the role of an operator"
            return self._show(
                Request(scope), HTTPStatus.FORBIDDEN, ErrorView(code="viewer", message=message, hint=hint)
            )
        return None


def _known(scope: Scope, status: int) -> bool:
    """Whether somebody had signed in, or just did."""
    return "person" in scope["state"] or (scope["path"] == "/login" and status == HTTPStatus.SEE_OTHER)


def _sign_in_first(path: str, *, program: bool) -> Response:
    if program or path.startswith(("/api/", "/metrics")):
        answer = respond(
            HTTPStatus.UNAUTHORIZED,
            ErrorView(code="unauthorized", message="a token is needed", hint="send Authorization: Bearer TOKEN"),
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    return RedirectResponse(f"/login?next={quote(path)}", HTTPStatus.SEE_OTHER)


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # an IPv6 address that is none
        return ""


def _says_origin(headers: Headers) -> bool:
    """Every browser that keeps our cookie says where a post comes from; a program uses a token."""
    return "sec-fetch-site" in headers or "origin" in headers


def _same_origin(headers: Headers, host: str) -> bool:
    """Browsers say where a POST comes from; a program that says nothing is no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    try:
        return origin is None or urlsplit(origin).netloc == host
    except ValueError:
        return False


def _limited(receive: Receive, faults: list[Response], most: int) -> Receive:
    """The body, while it is small and keeps coming; once it is whole, waiting for what follows takes any time."""
    seen, whole = 0, False

    async def read() -> Message:
        nonlocal seen, whole
        try:
            message = await asyncio.wait_for(receive(), None if whole else BODY_SECONDS)
        except TimeoutError:
            faults.append(_too_slow())
            raise BodyFault from None
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > most:
            faults.append(_too_large(most))
            raise BodyFault
        return message

    return read


def _forbidden(code: str, message: str, hint: str) -> Response:
    return respond(HTTPStatus.FORBIDDEN, ErrorView(code=code, message=message, hint=hint))


def too_many(wait: float, what: str) -> Response:
    """429, and in how many seconds it may work again."""
    seconds = max(1, math.ceil(wait))
    view = ErrorView(code="too-many-requests", message=f"too many {what}", hint=f"try again in {seconds} s")
    answer = respond(HTTPStatus.TOO_MANY_REQUESTS, view)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _too_large(most: int) -> Response:
    """413."""
    return respond(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ErrorView(code="body-too-large", message=f"the body is larger than {most // 1024} KiB"),
    )


def _too_slow() -> Response:
    """408."""
    return respond(HTTPStatus.REQUEST_TIMEOUT, ErrorView(code="too-slow", message="the body stopped coming"))
