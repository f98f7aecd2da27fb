"""A TCP proxy before a PostgreSQL server that can be slow, and can lose the answer to a commit."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from postgres_server import free_port

__all__ = ["Proxy"]

_READY = b"Z\0\0\0\5I"
"""How the server's greeting ends: ReadyForQuery, no transaction."""


class Proxy:
    """Passes bytes both ways. `delay` is the seconds that each answer takes longer once a connection stands.

    `lose_commits` is how many of the next commits reach the server while their answers, and the connection, are lost;
    `lose_renewals` those of renewals of a lease, which are statements of their own.
    """

    def __init__(self, port: int) -> None:
        self.port, self._server_port = free_port(), port
        self.delay, self.lost = 0.0, 0
        self.lose_commits, self.lose_renewals = 0, 0
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End every connection and take no more."""
        for one in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return
            self._open += [client, server]
            losing = threading.Event()
            threading.Thread(target=self._ask, args=(client, server, losing), daemon=True).start()
            threading.Thread(target=self._answer, args=(client, server, losing), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if b"COMMIT\0" in data and self.lose_commits > 0:
                    self.lose_commits -= 1
                    losing.set()
                if b"UPDATE leases" in data and self.lose_renewals > 0:
                    self.lose_renewals -= 1
                    losing.set()
                server.sendall(data)
        _end(server)

    def _answer(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        stands = False
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if losing.is_set():
                    self.lost += 1
                    break
                time.sleep(self.delay if stands else 0.0)
                stands = stands or _READY in data
                client.sendall(data)
        _end(client)
        _end(server)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
