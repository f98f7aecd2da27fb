"""Who is let in: sign-in by password or token, sessions in this process's memory, and what each request proves."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from dashboards.limits import Attempts
from orchestrator.service.people import People, Person, Role

__all__ = ["COOKIE", "IDLE_SECONDS", "LONGEST_SECONDS", "Entry", "Sessions"]

COOKIE = "reid_tune"
LONG_TOKEN = 20
"""Characters of a token that nobody finds by guessing; only the server's own may be shorter."""
IDLE_SECONDS = 12 * 3600.0
"""A session that was not used for so long has ended."""
LONGEST_SECONDS = 7 * 86400.0
"""No session lasts longer."""
_MOST_SESSIONS = 10_000
_BY_TOKEN = Person("token", Role.OPERATOR)
"""Whoever knows the server's own token."""

Clock = Callable[[], float]


@dataclass(slots=True)
class _Session:
    person: Person
    begun: float
    used: float


class Sessions:
    """Sessions by the digest of a random id; the ids themselves are only in the cookies. Safe for threads."""

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, _Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, person: Person) -> str:
        """A new session; returns the id for the cookie."""
        session, now = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._known[_digest(session)] = _Session(person, now, now)
            while len(self._known) > _MOST_SESSIONS:
                self._known.popitem(last=False)
        return session

    def find(self, session: str) -> Person | None:
        """The person who began it, while it lasts; using it keeps it from going idle."""
        digest, now = _digest(session), self._clock()
        with self._lock:
            found = self._known.get(digest)
            if found is None:
                return None
            if now - found.used > IDLE_SECONDS or now - found.begun > LONGEST_SECONDS:
                del self._known[digest]
                return None
            found.used = now
            return found.person

    def end(self, session: str) -> None:
        """The id opens nothing any more."""
        with self._lock:
            self._known.pop(_digest(session), None)


class Entry:
    """The door of one server. With a `token`, with people, or with `login` somebody must prove who they are.

    `on_close` is called as soon as that is so: people who are added while the server runs count at once.
    """

    def __init__(
        self,
        people: People,
        *,
        token: str = "",
        login: bool = False,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self.people = people
        self.sessions = Sessions()
        self.attempts = Attempts()
        self._token = token
        self._login = login or bool(token)
        self._on_close = on_close
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether a login is needed; once it was, it stays so. InvalidInput: the list of people cannot be read."""
        people = self.people.all()  # also once it is closed: nobody is let in while the list cannot be read
        if not self._closed and (self._login or people):
            self._on_close()
            self._closed = True
        return self._closed

    @property
    def has_token(self) -> bool:
        """Whether the server was started with a token."""
        return bool(self._token)

    def by_token(self, token: str) -> Person | None:
        """Whom a token proves: the server's own, or a person's."""
        if self._token and hmac.compare_digest(token.encode(), self._token.encode()):
            return _BY_TOKEN
        return self.people.by_token(token) if token else None

    def tried(self, token: str, address: str) -> tuple[Person | None, float]:
        """Whom a token proves; or nobody, and in how many seconds another guess from this address may be made (0: now).

        Wrong ones count, and a right one of this length is let in however many came before: who shares an address with
        somebody who guesses is not locked out. A short one may be guessed: it waits like a password.
        """
        if len(token) < LONG_TOKEN and (wait := self.attempts.wait(address)):
            return None, wait
        person = self.by_token(token)
        return person, 0.0 if person is not None else self.attempts.begin(address, "")

    def by_cookie(self, headers: Headers) -> Person | None:
        """Whose session the cookie is, as the person is now: a removed one is nobody, a new role counts at once."""
        person = self.sessions.find(session) if (session := session_of(headers)) else None
        if person is None or person == _BY_TOKEN:
            return person
        now = self.people.find(person.name)
        return now if now is not None and now.generation == person.generation else None


def session_of(headers: Headers) -> str:
    """The id in the cookie; empty when there is none."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if cookie is None else cookie.value


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
