"""What greets as the port of a Ray head does, and what does not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

__all__ = ["head", "listening"]


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
def head(refusal: grpc.StatusCode | None = None, port: int = 0) -> Iterator[str]:
    """The address of a gRPC server that answers every call, or refuses it, as a head that wants a token does."""
    server = grpc.server(ThreadPoolExecutor(1), handlers=[Unnamed(refusal)])
    found = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    yield f"127.0.0.1:{found}"
    server.stop(grace=None)


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
