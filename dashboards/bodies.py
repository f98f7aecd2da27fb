"""Answers of the API as they go over the wire: written and compressed once for each state of a study."""

from __future__ import annotations

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

from fastapi import Request, Response

__all__ = ["Bodies"]

_LEVEL = 3  # 9 MB of trials: 30 ms and 1.0 MB; level 9 takes ten times as long for 0.8 MB


class Bodies:
    """Bodies by their ETag, at most `most_bytes` of them compressed; those asked for last stay. Safe for threads."""

    def __init__(self, *, most_bytes: int = 32_000_000) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, request: Request, known: str, etag: str, make: Callable[[], bytes]) -> Response:
        """304 when the client has this state already (If-None-Match: `known`), else the body as JSON.

        `make` writes it when it is not kept.
        """
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if etag in {part.strip() for part in known.split(",")}:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        packed = self._packed(etag, make)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(packed, media_type="application/json", headers=headers)
        return Response(gzip.decompress(packed), media_type="application/json", headers=headers)

    def _packed(self, etag: str, make: Callable[[], bytes]) -> bytes:
        with self._lock:
            if etag in self._kept:
                self._kept.move_to_end(etag)
                return self._kept[etag]
        packed = gzip.compress(make(), _LEVEL, mtime=0)
        with self._lock:
            self._kept[etag] = packed
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._most:
                self._kept.popitem(last=False)
        return packed
