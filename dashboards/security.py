"""Who may ask what: host, origin, token, body size, and the headers that keep a page's rights small.

Without a token the server listens on loopback only. A page on the web can still reach loopback through the
visitor's browser, so the Host header must name loopback (a rebound DNS name does not) and a POST must come
from our own pages (Sec-Fetch-Site, Origin). With a token, every request but the login and the health checks
carries it, as a cookie that scripts cannot read or as `Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.errors import ErrorView, respond

__all__ = ["COOKIE", "MAX_BODY", "Guard", "cookie_value", "is_loopback"]

COOKIE = "reid_tune"
MAX_BODY = 1024 * 1024
_OPEN = frozenset({"/login", "/healthz", "/readyz"})
_SAFE = frozenset({"GET", "HEAD"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without port) is this machine's loopback."""
    return host in {"localhost", "::1", "[::1]"} or (host.startswith("127.") and host.replace(".", "").isdigit())


def cookie_value(token: str) -> str:
    """What the login cookie carries: a digest, so that a leaked cookie jar does not give the token away."""
    return hmac.new(token.encode(), b"reid-tune login", hashlib.sha256).hexdigest()


class _TooLarge(Exception):
    """The body went over the limit while it was read."""


class Guard:
    """ASGI middleware around the whole application. `script_hashes` are CSP sources such as 'sha256-...'."""

    def __init__(self, app: ASGIApp, *, token: str, script_hashes: tuple[str, ...] = ()) -> None:
        self._app = app
        self._token = token
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
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with a limited body and the security headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refuse(scope)
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        try:
            await self._app(scope, _limited(receive), answer)
        except _TooLarge:
            if not started:
                await _too_large()(scope, receive, answer)

    def _refuse(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._token and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return _forbidden(
                "bad-host",
                f"this server answers to loopback names only, not to {host!r}",
                "open http://127.0.0.1 with its port, or start with a token to serve other names",
            )
        if scope["method"] not in _SAFE and not _same_origin(headers, host):
            return _forbidden("cross-site", "a request that changes something must come from this site", "")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            return _too_large()
        return self._without_token(scope, headers)

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        path: str = scope["path"]
        if not self._token or path in _OPEN or path.startswith("/static/") or self._knows(headers):
            return None
        if path.startswith("/api/"):
            answer = respond(
                HTTPStatus.UNAUTHORIZED,
                ErrorView(code="unauthorized", message="a token is needed", hint="send Authorization: Bearer TOKEN"),
            )
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        return RedirectResponse(f"/login?next={quote(path)}", HTTPStatus.SEE_OTHER)

    def _knows(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(bearer.strip().encode(), self._token.encode()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), cookie_value(self._token).encode())


def _same_origin(headers: Headers, host: str) -> bool:
    """Browsers say where a POST comes from; a program that says nothing is no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host


def _limited(receive: Receive) -> Receive:
    seen = 0

    async def read() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise _TooLarge
        return message

    return read


def _forbidden(code: str, message: str, hint: str) -> Response:
    return respond(HTTPStatus.FORBIDDEN, ErrorView(code=code, message=message, hint=hint))


def _too_large() -> Response:
    return respond(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ErrorView(code="body-too-large", message=f"the body is larger than {MAX_BODY // 1024} KiB"),
    )
