"""The connection to Ray: made, watched, and ended even where its far end is gone."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from typing import Any

from reid_core.errors import ServerUnreachable

__all__ = ["Connection"]

_PROBE_SECONDS, _PROBES = 2.0, 5
"""The head counts as gone after so many attempts to reach it, so many seconds apart. Ray itself would end this process
after a minute."""
_SHUTDOWN_SECONDS = 15.0


class Connection:
    """A local Ray with `cores` started for this study, or the cluster at `address`.

    Raises ServerUnreachable when it does not answer, or answers with another version of Python or Ray.
    """

    def __init__(self, address: str, cores: int) -> None:
        self.ray = _connect(address, cores)
        self.owned = not address
        self._address = address
        self._probed = time.monotonic()
        self._missed = 0

    def check(self) -> None:
        """Raise ServerUnreachable when the head has not answered for some seconds; cheap, call it often."""
        now = time.monotonic()
        if now - self._probed >= _PROBE_SECONDS:
            self._probed = now
            self._probe()

    def sure(self) -> None:
        """Return once the head answers. Raises ServerUnreachable when it does not for some seconds.

        Before whatever would wait for it: Ray waits a minute, and then ends this process.
        """
        self._probe()
        while self._missed:
            time.sleep(_PROBE_SECONDS)
            self._probe()

    def _probe(self) -> None:
        self._missed = 0 if _answers(self._head()) else self._missed + 1
        if self._missed >= _PROBES:
            raise ServerUnreachable(
                f"the head of the Ray cluster at {self._head()} is gone",
                hint="nothing that was reported is lost: start the head again, then `reid-tune run --resume STUDY`",
            )

    @property
    def lost(self) -> bool:
        """Whether the last attempts to reach the head failed."""
        return self._missed > 0 or not _answers(self._head())

    def close(self) -> None:
        """End the connection; whatever of Ray runs on this machine for it ends too.

        Without an answer from the head it is left behind after some seconds: Ray's own farewell would wait for it.
        """
        farewell = threading.Thread(target=self.ray.shutdown, daemon=True, name="ray-shutdown")
        farewell.start()
        farewell.join(_SHUTDOWN_SECONDS)

    def _head(self) -> str:
        return str(self.ray.get_runtime_context().gcs_address)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError, ValueError), socket.create_connection((host, int(port)), timeout=1.0):
        return True
    return False


def _connect(address: str, cores: int) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray  # noqa: PLC0415 - seconds to import; only studies on Ray pay for it

    if ray.is_initialized():
        return ray
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ServerUnreachable(
            f"cannot reach Ray at {address or 'this machine'}: {error}",
            hint="start a head with `ray start --head` and give its address, or use --backend inline",
        ) from error
    return ray
