"""Signing in and out: a page and two posts."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import Headers

from dashboards.entry import COOKIE, LONGEST_SECONDS, Entry, session_of
from dashboards.form import posted
from dashboards.limits import client_key
from dashboards.rendering import Renderer
from orchestrator.service.people import Person

__all__ = ["login_router"]

_LONGEST_NAME = 64


class _Tried(NamedTuple):
    """What came of a guess: who it was, or in how many seconds another may be made."""

    person: Person | None
    wait: float = 0.0


def login_router(render: Renderer, entry: Entry) -> APIRouter:
    """`/login` and `/logout` for one door."""
    router = APIRouter(include_in_schema=False)

    def show(request: Request, fault: str, status: int) -> Response:
        context = {"fault": fault, "by_token": entry.has_token, "by_name": bool(entry.people.all())}
        return render("login.html", request, context, status=status)

    @router.get("/login")
    def login(request: Request) -> Response:
        return show(request, "", HTTPStatus.OK)

    @router.post("/login")
    async def enter(request: Request) -> Response:
        values = await posted(request)
        name = values.get("name", "").strip()[:_LONGEST_NAME]
        address = client_key(request.client.host if request.client else "")
        secret = values.get("password", "") if name else values.get("token", "").strip()
        tried = await run_in_threadpool(_try, entry, address, name, secret)
        known = tried.person or entry.people.find(name)
        request.state.who = known.name if known is not None else ""  # a name that nobody has may be a password
        if tried.wait:
            answer = show(request, "Too many attempts. Wait a little.", HTTPStatus.TOO_MANY_REQUESTS)
            answer.headers["Retry-After"] = str(max(1, math.ceil(tried.wait)))
            return answer
        if tried.person is None:
            fault = "That is not the name and the password." if name else "That is not the token."
            return show(request, fault, HTTPStatus.FORBIDDEN)
        return _let_in(request, entry, tried.person)

    @router.post("/logout")
    def leave(request: Request) -> Response:
        entry.sessions.end(session_of(Headers(scope=request.scope)))
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
        return answer

    return router


def _try(entry: Entry, address: str, name: str, secret: str) -> _Tried:
    if not name:
        return _Tried(*entry.tried(secret, address))
    wait = entry.attempts.begin(address, name)
    if wait:
        return _Tried(None, wait)
    person = entry.people.by_password(name, secret)
    if person is not None:
        entry.attempts.right(address, name)
    return _Tried(person)


def _let_in(request: Request, entry: Entry, person: Person) -> Response:
    """A new session, and on to where the visitor wanted to go; a session that they had before ends."""
    entry.sessions.end(session_of(Headers(scope=request.scope)))
    target = request.query_params.get("next", "/")
    safe = target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"
    answer = RedirectResponse(safe, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        entry.sessions.begin(person),
        max_age=int(LONGEST_SECONDS),
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="strict",
    )
    return answer
