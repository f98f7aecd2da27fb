"""A real PostgreSQL server for tests: a cluster of its own in a temporary folder, on a loopback port.

Its programs refuse to run as root: then they run as `postgres`, else `nobody`.
"""

from __future__ import annotations

import getpass
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

__all__ = ["PASSWORD", "Server", "free_port", "postgres", "server_programs", "started"]

PASSWORD = "never-printed-17"
_SETTINGS = (
    "-c",
    "fsync=off",
    "-c",
    "shared_buffers=32MB",
    "-c",
    "max_connections=60",
    "-c",
    "listen_addresses=127.0.0.1",
)


class Server:
    """One cluster. `url` and `database` make an empty place for a test and return its address."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self.folder = programs, folder
        self._user = _unprivileged() if os.geteuid() == 0 else None
        self.port = free_port()
        self._names = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._create()

    def _create(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        where = ("-D", str(self.folder / "data"), f"--pwfile={secret}", "--username=tester")
        self._run("initdb", *where, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")

    def start(self, *settings: str) -> None:
        """Start the server and wait until it answers."""
        words = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder), *_SETTINGS, *settings]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), *words], cwd=self.folder, stdout=log, stderr=log, **self._as_user()
            )
        self.wait()

    def wait(self) -> None:
        """Return once the server takes connections."""
        for _ in range(600):
            command = [str(self._programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q", "-t", "1"]
            if subprocess.run(command, check=False).returncode == 0:
                return
            if self._process is None or self._process.poll() is not None:
                break
            self._pause()
        raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")

    @staticmethod
    def _pause() -> None:
        import time

        time.sleep(0.05)

    def stop(self, mode: str = "immediate") -> None:
        """End it: `fast` ends every connection in order, `immediate` is a crash of the server."""
        if self._process is not None:
            self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", str(self.folder / "data"))
            self._process.wait()
            self._process = None

    def address(self, name: str, port: int | None = None) -> str:
        """The URL of a database, through another `port` when given."""
        return f"postgresql://tester:{PASSWORD}@127.0.0.1:{port or self.port}/{name}"

    def url(self) -> str:
        """The address of a new and empty schema: as good as a database, and made in no time."""
        name = f"test_{next(self._names)}"
        self.execute(self.address("postgres"), f"CREATE SCHEMA {name}")
        return f"{self.address('postgres')}?options=-csearch_path%3D{name}"

    def database(self) -> str:
        """The address of a new and empty database."""
        name = f"test_{next(self._names)}"
        self.execute(self.address("postgres"), f"CREATE DATABASE {name}")
        return self.address(name)

    def execute(self, url: str, statement: str) -> list[tuple[object, ...]]:
        """Run one statement outside any transaction; the rows that it gives."""
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(statement)
            return list(found.fetchall()) if found.description else []

    def drop_connections(self) -> int:
        """End every connection of this software from the server's side, as an administrator would; how many."""
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reid-tune'"
        return len(self.execute(self.address("postgres"), ended))

    def dump(self, url: str) -> str:
        """The database as SQL."""
        found = subprocess.run(
            [str(self._programs / "pg_dump"), "--inserts", "--no-owner", url],
            capture_output=True,
            text=True,
            check=True,
        )
        return found.stdout

    def load(self, url: str, dump: Path) -> None:
        """Run a SQL dump in a database."""
        psql = [str(self._programs / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-f", str(dump), url]
        subprocess.run(psql, check=True, stdout=subprocess.DEVNULL)

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *words],
            check=False,
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self._as_user(),
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}")

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid, "extra_groups": []}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(folder: Path | None = None, settings: Sequence[str] = ()) -> Iterator[Server]:
    """A running server, ended and removed afterwards; skips by name where the programs are missing.

    It flushes nothing to the disk unless `settings` say so: tests end the server, not the machine.
    """
    programs = server_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server programs (initdb, postgres) are not installed")
    made = folder or Path(tempfile.mkdtemp(prefix="reid-tune-postgres-"))
    made.chmod(0o755)
    server = Server(programs, made)
    try:
        server.start(*settings)
        yield server
    finally:
        server.stop()
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The session's PostgreSQL server. A test that stops or starves one makes its own with `started`."""
    yield from started()


def server_programs() -> Path | None:
    """Where `initdb` and `postgres` lie; None where they are not installed."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists() and (place / "initdb").exists()), None)


def _unprivileged() -> str:
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    pytest.skip(f"PostgreSQL does not run as {getpass.getuser()}, and there is no other user here")
