"""What listens at an address of Ray's: Ray itself would ask anything that takes its connection for minutes."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

__all__ = ["NoRay", "greet", "place_of"]

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How a client begins with HTTP/2, on which gRPC rests: the preface and an empty SETTINGS frame (RFC 9113, 3.4)."""
_HEADER, _KIND, _SETTINGS = 9, 3, 4


def place_of(address: str) -> tuple[str, int]:
    """Host and port of an address of Ray's. Raises ValueError for one that names none, as "auto" does."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname is None or parts.port is None:
        raise ValueError(f"{address} names no host and port")
    return parts.hostname, parts.port


class NoRay(OSError):
    """Somebody listens there, and it is no head of Ray's."""


def greet(place: tuple[str, int], *, connect: float, answer: float) -> None:
    """Return once a head, or what may be one, answers. Raises NoRay for anybody else, another OSError for nobody.

    Waits `connect` seconds for a connection and `answer` seconds for the greeting with which every gRPC server begins.
    Where Ray encrypts what it says, nothing is asked.
    """
    with socket.create_connection(place, timeout=connect) as connection:
        if os.environ.get("RAY_USE_TLS", "0").lower() in {"1", "true"}:
            return
        connection.settimeout(answer)
        try:
            connection.sendall(_HELLO)
            said = _read(connection)
        except TimeoutError:
            raise NoRay(f"somebody listens there and has not answered within {answer:g} s") from None
        except OSError:
            said = b""
    if len(said) < _HEADER or said[_KIND] != _SETTINGS:
        raise NoRay("somebody else listens there: it is no head of a Ray cluster")


def _read(connection: socket.socket) -> bytes:
    said = b""
    while len(said) < _HEADER:
        part = connection.recv(_HEADER - len(said))
        if not part:
            break
        said += part
    return said
