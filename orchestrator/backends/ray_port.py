"""What listens at an address of Ray's, and the token that it may want: Ray itself would try for minutes."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import grpc

__all__ = ["NoCertificate", "NoRay", "NoToken", "bring_token", "enter", "greet", "is_here", "place_of"]

_ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"
"""The call of a head that asks for nothing; a head that wants a token refuses it as any other."""

_CERTIFICATES = ("RAY_TLS_CA_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_SERVER_CERT")
"""Where Ray has its certificates from, once RAY_USE_TLS is set."""

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
"""What Ray takes for this machine in an address."""


def place_of(address: str) -> tuple[str, int]:
    """Host and port of an address of Ray's. Raises ValueError for one that names none, as "auto" does."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname is None or parts.port is None:
        raise ValueError(f"{address} names no host and port")
    return parts.hostname, parts.port


def is_here(host: str) -> bool:
    """Whether a host is this machine: the way to it begins where it ends. Raises OSError for an unknown host."""
    family, kind, _, _, place = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
    number = str(place[0])
    with contextlib.suppress(OSError), socket.socket(family, kind) as unsent:  # finds the way, and sends nothing
        unsent.connect(place)
        return number.startswith("127.") or number == unsent.getsockname()[0]
    return False  # there is no way to it


class NoRay(OSError):
    """Somebody listens there, and it is no head of Ray's."""


class NoCertificate(NoRay):
    """Ray encrypts, and what it needs for that cannot be read."""

    advice = f"let {', '.join(_CERTIFICATES)} name files that can be read here"


class NoToken(OSError):
    """A head wants a token, and this process has none for it."""


def greet(place: tuple[str, int], *, connect: float, answer: float) -> bool:
    """Return once a head, or what may be one, answers: whether it wants a token.

    Waits `connect` seconds for a connection and `answer` seconds for an answer; encrypted where Ray is (RAY_USE_TLS).
    Raises NoCertificate, NoRay for anybody else, another OSError for nobody.
    """
    import grpc  # noqa: PLC0415 - a tenth of a second; only studies on Ray pay for it

    with socket.create_connection(place, timeout=connect):
        pass
    encrypts = os.environ.get("RAY_USE_TLS", "0").lower() in {"1", "true"}
    with _channel(place, encrypts=encrypts) as channel:
        try:
            channel.unary_unary(_ALIVE)(b"", timeout=answer)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise NoRay(f"somebody listens there and has not answered within {answer:g} s") from None
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                ours = " that the certificates of RAY_USE_TLS belong to"
                known = ours if encrypts else ", or of one that encrypts (RAY_USE_TLS)"
                raise NoRay(f"somebody else listens there: it is no head of a Ray cluster{known}") from None
            return error.code() is grpc.StatusCode.UNAUTHENTICATED
    return False


def _channel(place: tuple[str, int], *, encrypts: bool) -> grpc.Channel:
    import grpc  # noqa: PLC0415 - as above

    host = _certified(place[0]) if encrypts else place[0]
    target = f"[{host}]:{place[1]}" if ":" in host else f"{host}:{place[1]}"
    options = [("grpc.enable_http_proxy", 0)]
    if not encrypts:
        return grpc.insecure_channel(target, options)
    named = [os.environ.get(name) for name in _CERTIFICATES]
    try:
        read = [Path(one).read_bytes() if one else None for one in named]
    except OSError as error:
        raise NoCertificate(f"RAY_USE_TLS is set, and {error.filename} cannot be read: {error.strerror}") from error
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(*read), options)


def _certified(host: str) -> str:
    """The name that a head's certificate has to have for Ray, which asks one of this machine by its address outside."""
    if host not in _LOOPBACK:
        return host
    import ray  # noqa: PLC0415 - seconds to import

    return str(ray.util.get_node_ip_address())


def enter(ray: Any, place: tuple[str, int], *, connect: float, answer: float) -> None:
    """Return once a head, or what may be one, answers, and `ray` brings the token that it may want.

    Raises what `greet` and `bring_token` raise.
    """
    if greet(place, connect=connect, answer=answer):
        bring_token(place[0], os.environ)
        ray._raylet.Config.initialize("")  # what it has read of the environment, it reads again  # noqa: SLF001


def bring_token(host: str, environment: MutableMapping[str, str]) -> None:
    """Have Ray bring this user's token to a head of this machine, as its own commands do. Raises NoToken.

    A head elsewhere gets it only from who says so by RAY_AUTH_MODE: whoever has it may run anything on the cluster.
    """
    mode = environment.get("RAY_AUTH_MODE", "").lower()
    if mode == "token":
        return
    if mode or not is_here(host) or not _has_token(environment):
        raise NoToken("it lets in only who brings its token")
    environment["RAY_AUTH_MODE"] = "token"


def _has_token(environment: MutableMapping[str, str]) -> bool:
    named = environment.get("RAY_AUTH_TOKEN_PATH")
    kept = Path(named) if named else Path.home() / ".ray" / "auth_token"
    return bool(environment.get("RAY_AUTH_TOKEN")) or kept.is_file()
