"""An S3 server on this machine, for tests; its keys are in the environment, as real ones would be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from moto.server import ThreadedMotoServer

from orchestrator.trial.vault import reachable

__all__ = ["SECRET", "S3Server", "s3_server"]

SECRET = "not-to-be-seen-anywhere"


class S3Server:
    """Has one bucket, `lab`. `down` and `up` keep the address, and what was stored."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.host, self.port = self._server.get_host_and_port()
        self.is_down = False

    def down(self) -> None:
        """Answer nobody."""
        if not self.is_down:
            self._server.stop()
        self.is_down = True

    def up(self) -> None:
        """Answer again."""
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()
        self.is_down = False


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A server with an empty bucket, found by whoever reads the environment."""
    import boto3
    import s3fs
    from moto.moto_api._internal.models import moto_api_backend

    server = S3Server()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server.host}:{server.port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "lab-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()  # those of an earlier test know another address
    reachable.cache_clear()
    moto_api_backend.reset()
    boto3.client("s3").create_bucket(Bucket="lab")
    try:
        yield server
    finally:
        server.down()
