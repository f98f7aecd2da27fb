"""Who did what over the network: `audit.jsonl` of the home folder, one JSON a line, only ever added to.

Every sign-in, every refusal and every request that changes something is a line. Commands from a shell are in the
study's own log with `by`; whoever has a shell here can write this file too, so they are not repeated.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["Audit", "AuditEntry", "read_audit"]

_LONGEST = 300


class AuditEntry(BaseModel):
    """One line. `at` is in Unix seconds."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    at: float
    what: str = Field(description="login, logout, refused, or the verb: pause, stop, launch, ...")
    who: str = Field("", description="the name that signed in; empty: nobody did, or a server without logins")
    address: str = Field("", alias="from", description="the client's address")
    role: str = ""
    method: str = ""
    path: str = ""
    study: str = ""
    trial: str = ""
    status: int = Field(0, description="the HTTP status of the answer")
    left_out: int = Field(0, description="refusals of a flood before this line that were not written")


class Audit:
    """Adds lines. Safe for several threads and processes: each line is one write to a file opened for appending."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, entry: AuditEntry) -> None:
        """Add one line; a disk that is full is told on standard error, and the answer goes out all the same."""
        cut = {
            name: text[:_LONGEST]
            for name in ("who", "address", "path", "study", "trial", "what")
            if len(text := str(getattr(entry, name))) > _LONGEST
        }
        line = entry.model_copy(update=cut).model_dump_json(by_alias=True, exclude_defaults=True) + "\n"
        try:
            out = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(out, line.encode())
            finally:
                os.close(out)
        except OSError as error:
            sys.stderr.write(f"reid-tune: the audit log cannot be written ({error.strerror}): {line}")


def read_audit(path: Path, last: int | None = None) -> list[AuditEntry]:
    """The entries, oldest first, or the `last` of them; a torn line is left out. Nothing when there is no log yet."""
    try:
        with path.open(encoding="utf-8", errors="replace") as text:
            lines = list(deque(text, maxlen=last))
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(AuditEntry.model_validate_json(line))
        except ValidationError:
            continue
    return found
