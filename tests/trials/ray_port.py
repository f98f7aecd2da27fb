"""What greets as the port of a Ray head does, and what does not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

__all__ = ["GREETING", "listening"]

GREETING = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""An empty SETTINGS frame: gRPC's servers begin with one."""


@contextlib.contextmanager
def listening(said: bytes | None = GREETING, port: int = 0) -> Iterator[str]:
    """The address of a server that says this to everyone and hangs up; None: it never says a word."""
    kept: list[socket.socket] = []

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it is closed at the end
            while True:
                one, _ = server.accept()
                kept.append(one)
                if said is not None:
                    one.recv(1)
                    one.sendall(said)
                    one.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", port)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for one in kept:
        one.close()
