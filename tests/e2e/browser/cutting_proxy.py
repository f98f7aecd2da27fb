"""A TCP proxy before the server that can cut every connection, and refuse new ones for a while."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class CuttingProxy:
    """Stands between browser and server; `heads` are the first bytes of every connection's first request."""

    def __init__(self, server):
        self._target = (urlsplit(server).hostname, urlsplit(server).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heads: list[bytes] = []
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._whole = threading.Event()
        self._whole.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Break everything that is open; whoever comes is turned away until `mend`."""
        self._whole.clear()
        for pair in list(self._pairs):
            self._end(pair)

    def mend(self):
        self._whole.set()

    def close(self):
        self.cut()
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._whole.is_set():
                    client.close()
                    continue
                pair = (client, socket.create_connection(self._target))
                self._pairs.add(pair)
                threading.Thread(target=self._pump, args=(pair, client, pair[1], True), daemon=True).start()
                threading.Thread(target=self._pump, args=(pair, pair[1], client, False), daemon=True).start()

    def _pump(self, pair, source, sink, asks):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if asks:
                    self.heads.append(data)
                sink.sendall(data)
        self._end(pair)

    def _end(self, pair):
        self._pairs.discard(pair)
        for one in pair:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
