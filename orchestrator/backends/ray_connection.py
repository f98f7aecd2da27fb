"""The connection to Ray: made, watched, and ended even where its far end is gone."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
import traceback
from typing import Any

from orchestrator.backends.ray_port import NoCertificate, NoRay, NoToken, enter, is_here, place_of
from reid_core.errors import Conflict, ServerUnreachable

__all__ = ["Connection"]

_PROBE_SECONDS, _PROBES = 2.0, 5
"""The head counts as gone after so many attempts to reach it, so many seconds apart. Ray itself would end this process
after a minute."""
_SHUTDOWN_SECONDS = 15.0
_ANSWER_SECONDS, _ANSWER_PAUSE, _GREETING_SECONDS = 10.0, 0.5, 30.0
"""How long a head may take to listen and to greet at the beginning: Ray would try for many minutes, deaf to signals."""


class Connection:
    """A local Ray with `cores` started for this study, or the cluster at `address`.

    A Ray that this process is connected to already is taken as it is, and left alone at the end. Raises
    ServerUnreachable when it does not answer, or answers with another version of Python or Ray; Conflict when this
    process is connected to another cluster.
    """

    def __init__(self, address: str, cores: int) -> None:
        self.ray, self._found = _connect(address, cores)
        self.owned = not address and not self._found
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
        """End the connection, unless it was found; whatever of Ray runs on this machine for it ends too.

        Without an answer from the head it is left behind after some seconds: Ray's own farewell would wait for it.
        """
        if self._found:
            return
        farewell = threading.Thread(target=self.ray.shutdown, daemon=True, name="ray-shutdown")
        farewell.start()
        farewell.join(_SHUTDOWN_SECONDS)

    def _head(self) -> str:
        return str(self.ray.get_runtime_context().gcs_address)


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError, ValueError), socket.create_connection(place_of(address), timeout=1.0):
        return True
    return False


def _wait_for(ray: Any, address: str) -> None:
    """Return once a head answers that lets `ray` in, or at once where the address names no port.

    `auto` stands for RAY_ADDRESS, as for Ray. Raises OSError: why no head answers, or none would let this process in.
    """
    try:
        place = place_of(os.environ.get("RAY_ADDRESS", "") or address if address == "auto" else address)
    except ValueError:
        return
    end = time.monotonic() + _ANSWER_SECONDS
    while True:
        try:
            enter(ray, place, connect=1.0, answer=_GREETING_SECONDS)
        except (NoRay, NoToken):
            raise
        except OSError as error:
            if time.monotonic() + _ANSWER_PAUSE > end:
                why = error.strerror or str(error) or type(error).__name__
                raise OSError(f"nobody answers there: {why}") from error
        else:
            return
        time.sleep(_ANSWER_PAUSE)


def _connect(address: str, cores: int) -> tuple[Any, bool]:
    """Ray, and whether this process was connected before."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray  # noqa: PLC0415 - seconds to import; only studies on Ray pay for it

    if ray.is_initialized():
        connected = str(ray.get_runtime_context().gcs_address)
        if not _same(address, connected):
            raise Conflict(
                f"this process is connected to the Ray cluster at {connected}, and the study wants {address}",
                hint="end that connection with ray.shutdown(), or run the study in a process of its own",
            )
        return ray, True
    try:
        _start(ray, address, cores)
    except Exception as error:  # what does not start in time is a plain Exception of Ray's
        raise ServerUnreachable(
            f"cannot reach Ray at {address or 'this machine'}: {error}", hint=_advice(address, error)
        ) from error
    return ray, False


def _start(ray: Any, address: str, cores: int) -> None:
    """Connect to the cluster, or start a Ray of this process's own; on a busy machine its thirty seconds may not do."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        _wait_for(ray, address)
        ray.init(address=address, **quiet)
        return
    try:
        ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
    except Exception:  # noqa: BLE001 - the second attempt tells what is wrong
        ray.shutdown()
        ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)


def _advice(address: str, error: BaseException) -> str:
    """A head that answers and still takes no driver wants its token, or a raylet on the driver's machine."""
    if isinstance(error, NoToken) or "AuthToken" in "".join(traceback.format_exception(error)):
        return "the cluster wants its token: set RAY_AUTH_MODE=token here, and have the head's ~/.ray/auth_token"
    if isinstance(error, NoCertificate):
        return error.advice
    if _answers(address) and not isinstance(error, NoRay):
        return f"let this machine join first: ray start --address={address} --num-cpus=0"
    return "start a head with `ray start --head` and give its address, or use --backend inline"


def _same(wanted: str, connected: str) -> bool:
    """Whether the address that a study names is that of the cluster; one that it does not name is any."""
    if wanted in {"", "auto", connected}:
        return True
    (host, _, port), (head, _, head_port) = wanted.rpartition(":"), connected.rpartition(":")
    with contextlib.suppress(OSError):
        one = len({socket.gethostbyname(name) for name in (host, head)}) == 1
        return port == head_port and (one or (is_here(host) and is_here(head)))
    return False
