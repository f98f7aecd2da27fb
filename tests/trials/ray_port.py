"""What greets as the port of a Ray head does, and what does not."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["certificates", "head", "listening"]


class Unnamed(grpc.GenericRpcHandler):
    """Answers every call with nothing, or refuses it."""

    def __init__(self, refusal: grpc.StatusCode | None) -> None:
        self._refusal = refusal

    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The handler of a call, whichever it is."""
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, asked: bytes, context: grpc.ServicerContext) -> bytes:
        if self._refusal is not None:
            context.abort(self._refusal, "InvalidAuthToken: Authentication token is missing or incorrect")
        return asked


@contextlib.contextmanager
def head(refusal: grpc.StatusCode | None = None, port: int = 0, keys: dict[str, str] | None = None) -> Iterator[str]:
    """The address of a gRPC server that answers every call, or refuses it, as a head that wants a token does.

    Encrypted with the `certificates` given, at every address of this machine, as by Ray: callers show theirs, too.
    """
    server = grpc.server(ThreadPoolExecutor(1), handlers=[Unnamed(refusal)])
    found = _bound(server, port, keys)
    server.start()
    yield f"127.0.0.1:{found}"
    server.stop(grace=None)


def _bound(server: grpc.Server, port: int, keys: dict[str, str] | None) -> int:
    if keys is None:
        return int(server.add_insecure_port(f"127.0.0.1:{port}"))
    names = ("RAY_TLS_SERVER_KEY", "RAY_TLS_SERVER_CERT", "RAY_TLS_CA_CERT")
    key, certificate, root = (Path(keys[name]).read_bytes() for name in names)
    shown = grpc.ssl_server_credentials([(key, certificate)], root, require_client_auth=True)
    return int(server.add_secure_port(f"0.0.0.0:{port}", shown))


def certificates(folder: Path, place: str) -> dict[str, str]:
    """What has Ray encrypt with a key of `place`, made and kept in this folder, that vouches for itself."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a cluster")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(place))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    own = str(folder / "certificate.pem")
    files = {"RAY_TLS_SERVER_KEY": str(folder / "key.pem"), "RAY_TLS_SERVER_CERT": own, "RAY_TLS_CA_CERT": own}
    return {"RAY_USE_TLS": "1", **files}


@contextlib.contextmanager
def listening(said: bytes | None) -> Iterator[str]:
    """The address of a server that says this to everyone and hangs up; None: it never says a word."""
    kept: list[socket.socket] = []

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it is closed at the end
            while True:
                one, _ = server.accept()
                kept.append(one)
                with contextlib.suppress(OSError):  # who only knocks is gone
                    if said is not None and one.recv(1):
                        one.sendall(said)
                        one.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for one in kept:
        one.close()
