"""What an error's page says, and the answer to a request on which the application itself fell."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.errors import ErrorView

__all__ = ["BodyFault", "Fallen", "Show", "error_context"]

Show = Callable[[Request, int, ErrorView], Response]
_LOG = logging.getLogger("uvicorn.error")

_TITLES = {
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.CONFLICT: "Not now",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something broke",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available",
}
_ADVICE = {
    HTTPStatus.FORBIDDEN: ("Your role decides what you may do; whoever runs the server changes it.",),
    HTTPStatus.NOT_FOUND: ("It may have been deleted or renamed, or the address has a slip.",),
    HTTPStatus.CONFLICT: ("Nothing was changed. Go back and look at its state now: somebody else may have acted.",),
    HTTPStatus.TOO_MANY_REQUESTS: ("Nothing is lost. Wait a little, then try again.",),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("Studies go on: they do not run inside this server.",),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Studies go on meanwhile. Try again in a minute.",),
}


def error_context(status: int, view: ErrorView) -> dict[str, object]:
    """The context of error.html: what happened, and what one can do about this kind."""
    kind = HTTPStatus(status)
    title, advice = _TITLES.get(kind, kind.phrase), _ADVICE.get(kind, ())
    return {"status": status, "title": title, "message": view.message, "hint": view.hint, "advice": advice}


class BodyFault(Exception):
    """The body of a request went over the limit while it was read, or stopped coming: no defect of ours."""


class Fallen:
    """ASGI middleware: an exception that nobody expected is logged under a number, and answered with it.

    An answer that has begun cannot be taken back: then the exception goes on, and the connection breaks.
    """

    def __init__(self, app: ASGIApp, *, show: Show) -> None:
        self._app = app
        self._show = show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; answer 500 when that raised."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except (BodyFault, ClientDisconnect):
            raise
        except Exception:
            if started:
                raise
            number = secrets.token_hex(4)
            _LOG.exception("error %s: %s %s", number, scope["method"], scope["path"])
            hint = f"the server's log tells more under error {number}"
            view = ErrorView(code="failed", message="The server could not do this: a defect.", hint=hint)
            await self._show(Request(scope), HTTPStatus.INTERNAL_SERVER_ERROR, view)(scope, receive, send)
