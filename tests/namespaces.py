"""Hosts of a test's own on one machine: network namespaces behind a bridge, each with its name in every hosts file."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import pytest

__all__ = ["Hosts", "hosts"]

_NET = "10.213.77"


class Hosts:
    """Named hosts with addresses of their own. What runs on one sees no process and no /tmp/ray but the host's own."""

    def __init__(self, names: Sequence[str]) -> None:
        self._mark = f"rt{secrets.token_hex(3)}"  # the kernel takes its time to forget the hosts of the test before
        self.addresses = {name: f"{_NET}.{10 + place}" for place, name in enumerate(names)}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._own_ray = Path(tempfile.mkdtemp(prefix="ray-of-hosts-"))
        self._undo = contextlib.ExitStack()
        self._undo.callback(shutil.rmtree, self._own_ray, ignore_errors=True)
        self._first: dict[str, int] = {}
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        _ip("link", "add", self._mark, "type", "bridge")
        self._undo.callback(_ip, "link", "del", self._mark)
        _ip("addr", "add", f"{_NET}.1/24", "dev", self._mark)
        _ip("link", "set", self._mark, "up")
        for place, name in enumerate(self.addresses):
            self._add(place, name)
        Path("/tmp/ray").mkdir(exist_ok=True)
        for name in self.addresses:
            self._first[name] = self._boot(name)

    def _add(self, place: int, name: str) -> None:
        space, outer, inner = self.space(name), f"{self._mark}o{place}", f"{self._mark}i{place}"
        _ip("netns", "add", space)
        self._undo.callback(self._take_away, space)
        (self._own_ray / name).mkdir()
        folder = Path("/etc/netns") / space
        folder.mkdir(parents=True, exist_ok=True)
        lines = ["127.0.0.1 localhost", *(f"{address} {one}" for one, address in self.addresses.items())]
        (folder / "hosts").write_text("\n".join(lines) + "\n")
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
        _ip("link", "set", inner, "netns", space)
        _ip("link", "set", outer, "master", self._mark)
        _ip("link", "set", outer, "up")
        for words in (("addr", "add", f"{self.addresses[name]}/24", "dev", inner), ("link", "set", inner, "up")):
            _ip("-n", space, *words)
        _ip("-n", space, "link", "set", "lo", "up")

    def space(self, name: str) -> str:
        """The namespace of a host."""
        return f"{self._mark}-{name}"

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen:
        """Start a command on a host; it and all it started end with the test."""
        with log.open("ab") as stream:
            process = subprocess.Popen(
                self.words(name, command), env=dict(environment), stdout=stream, stderr=stream, start_new_session=True
            )
        self._processes.append(process)
        return process

    def words(self, name: str, command: Sequence[str]) -> list[str]:
        """The command as it is run on a host, among the processes of that host only."""
        own = [f"--{one}" for one in ("net", "uts", "mount", "pid")]
        return ["nsenter", "--target", str(self._first[name]), *own, *command]

    def _boot(self, name: str) -> int:
        """Start the first process of a host, which reaps the others; returns its number as this machine counts."""
        own = f'mount --bind {self._own_ray / name} /tmp/ray && hostname {name} && exec "$@"'
        apart = ["unshare", "--uts", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        reaper = "import signal as s; s.signal(s.SIGCHLD, s.SIG_IGN); print(flush=True); s.pause()"
        words = ["ip", "netns", "exec", self.space(name), *apart, "sh", "-c", own, "sh", sys.executable, "-c", reaper]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
        self._processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline(), f"the host {name} did not start"
        return psutil.Process(process.pid).children()[0].pid

    def cut(self, name: str) -> None:
        """Take the host's cable out."""
        _ip("link", "set", f"{self._mark}o{list(self.addresses).index(name)}", "down")

    def heal(self, name: str) -> None:
        """Put the cable in again."""
        _ip("link", "set", f"{self._mark}o{list(self.addresses).index(name)}", "up")

    def close(self) -> None:
        """End every process, take every host away."""
        for process in reversed(self._processes):
            with contextlib.suppress(psutil.Error):
                for one in psutil.Process(process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        one.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._undo.close()

    def _take_away(self, space: str) -> None:
        listed = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=False)
        for pid in listed.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        _ip("netns", "del", space)
        shutil.rmtree(Path("/etc/netns") / space, ignore_errors=True)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[Hosts]:
    """Hosts for the length of the block; skips by name where a test may not make any."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nsenter", "unshare"))):
        pytest.skip("network namespaces need root, iproute2 and util-linux")
    try:
        made = Hosts(names)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        yield made
    finally:
        made.close()
