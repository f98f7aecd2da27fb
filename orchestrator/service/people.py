"""People who may sign in, kept in `users.json` of the home folder: names, roles, and what proves who they are.

Passwords are kept as argon2id hashes, tokens as SHA-256 of 256 random bits; neither can be read back. The file is
written whole and renamed into place, for its owner's eyes only; every read sees what other processes changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.service.secrets import TOKEN_PREFIX
from reid_core.errors import Conflict, Finding, InvalidInput, NotFound

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["LONGEST_PASSWORD", "SHORTEST_PASSWORD", "People", "Person", "Role"]

SHORTEST_PASSWORD = 10
"""Characters. With the limit on wrong guesses that is years of them."""
LONGEST_PASSWORD = 1024
"""Characters: a hash of megabytes would be work for nothing."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASHING = threading.BoundedSemaphore(2)  # argon2 takes 64 MiB and 4 threads: two at a time, whoever asks


class Role(StrEnum):
    """What a person may do: a viewer reads, an operator acts too."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in. `generation` changes with the password: what was signed in before is out."""

    name: str
    role: Role
    generation: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One person in the file. `since` is in Unix seconds; an empty `token` is none."""

    role: Role
    password: str
    generation: str
    since: float
    token: str = ""


class People:
    """The people of one home folder. Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._known: dict[str, _Entry] = {}

    def all(self) -> list[Person]:
        """Everybody, by name."""
        return [_person(name, entry) for name, entry in sorted(self._read().items())]

    def find(self, name: str) -> Person | None:
        """The person of this name as the file has them now."""
        entry = self._read().get(name)
        return None if entry is None else _person(name, entry)

    def add(self, name: str, role: Role, password: str) -> Person:
        """A new person. Raises InvalidInput for a bad name or a short password, Conflict when the name is taken."""
        if not _NAME.fullmatch(name):
            hint = "use up to 64 letters, digits, '.', '_', '@' and '-', not starting with a sign"
            raise InvalidInput(Finding("bad-name", f"{name!r} cannot name a person", key="name", hint=hint))
        entry = _Entry(role, self._hashed(password), secrets.token_hex(8), time.time())

        def change(known: dict[str, _Entry]) -> None:
            if name in known:
                raise Conflict(f"there is already a person {name}", hint=f"see `reid-tune users passwd {name}`")
            known[name] = entry

        self._change(change)
        return _person(name, entry)

    def remove(self, name: str) -> bool:
        """Take a person out; their sessions and token end at once. False when there was none of this name."""
        there = self.find(name) is not None

        def change(known: dict[str, _Entry]) -> None:
            known.pop(name, None)

        if there:
            self._change(change)
        return there

    def set_password(self, name: str, password: str) -> None:
        """A new password; sessions and token made with the old one end. Raises NotFound, InvalidInput."""
        hashed = self._hashed(password)
        self._edit(name, lambda entry: replace(entry, password=hashed, generation=secrets.token_hex(8), token=""))

    def new_token(self, name: str) -> str:
        """A new API token in place of the one before; this is the only time it can be read. Raises NotFound."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self._edit(name, lambda entry: replace(entry, token=_digest(token)))
        return token

    def by_password(self, name: str, password: str) -> Person | None:
        """The person whom name and password prove; takes as long for a name that nobody has."""
        from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415 - the command line starts without it

        entry = self._read().get(name)
        given = password if len(password) <= LONGEST_PASSWORD else ""
        try:
            with _HASHING:
                self._hasher.verify(self._decoy if entry is None else entry.password, given)
        except (Argon2Error, InvalidHashError):
            return None
        return None if entry is None else _person(name, entry)

    def by_token(self, token: str) -> Person | None:
        """The person whose token this is; every person is compared, in constant time."""
        digest, found = _digest(token), None
        for name, entry in self._read().items():
            if hmac.compare_digest(entry.token, digest):
                found = _person(name, entry)
        return found

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher  # noqa: PLC0415 - the command line starts without it

        return PasswordHasher()

    @cached_property
    def _decoy(self) -> str:
        return self._hasher.hash(secrets.token_hex(16))

    def _hashed(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            message = f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
            raise InvalidInput(Finding("bad-password", message, key="password"))
        with _HASHING:
            return self._hasher.hash(password)

    def _edit(self, name: str, change: Callable[[_Entry], _Entry]) -> None:
        def apply(known: dict[str, _Entry]) -> None:
            if name not in known:
                raise NotFound(f"there is no person {name}", hint="list them with `reid-tune users ls`")
            known[name] = change(known[name])

        self._change(apply)

    def _change(self, change: Callable[[dict[str, _Entry]], None]) -> None:
        with self._alone():
            known = dict(self._read())
            change(known)
            _write(self._path, {name: asdict(entry) for name, entry in sorted(known.items())})

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        from filelock import FileLock  # noqa: PLC0415 - only changes need it

        with FileLock(self._path.with_suffix(".lock"), mode=0o600):
            yield

    def _read(self) -> Mapping[str, _Entry]:
        """What the file holds; read again only when it was replaced. Raises InvalidInput for a file that is torn."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unreadable(self._path) from error
        mark = (status.st_ino, status.st_mtime_ns, status.st_size)
        with self._lock:
            if mark != self._seen:
                self._known = _load(self._path)
                self._seen = mark
            return self._known


def _person(name: str, entry: _Entry) -> Person:
    return Person(name, entry.role, entry.generation)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _load(path: Path) -> dict[str, _Entry]:
    try:
        content = json.loads(path.read_bytes())
        return {
            str(name): _Entry(
                Role(entry["role"]),
                str(entry["password"]),
                str(entry["generation"]),
                float(entry["since"]),
                str(entry["token"]),
            )
            for name, entry in content["people"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> InvalidInput:
    hint = "restore it from a backup, or remove it and add the people again"
    return InvalidInput(Finding("people", "cannot be read as a list of people", file=str(path), hint=hint))


def _write(path: Path, people: Mapping[str, object]) -> None:
    """Whole or not at all, and for the owner alone from the first byte on."""
    descriptor, beside = tempfile.mkstemp(prefix=".users-", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump({"version": 1, "people": people}, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
