"""A shell that follows a page: its commands one after the other in one folder, as a reader would type them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
from markdown_pages import ROOT

__all__ = ["Shell"]

_ADDRESS = re.compile(r"http://[\w.]+:\d+")
_SECONDS = 1800
_INTERRUPTED = {0, 130}  # ended as asked; 130 says that all is saved
_MAKE = {2, -signal.SIGINT}  # what make makes of either


class Shell:
    """Runs lines in bash in `folder`, with a home for studies of its own; `export` lines hold for the later ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside = contextlib.ExitStack()
        """What runs beside the commands, a server for example, and ends after them."""
        self._exports: list[str] = []
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith(("REID_TUNE_", "MLFLOW_TRACK"))}
        self._environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "REID_TUNE_HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT),
            "BROWSER": "true",
            "COLUMNS": "120",
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",  # threads that spin where others compute too make seconds into minutes
        }

    def run(self, line: str, allowed: int = 0) -> str:
        """Run to the end; what it said. Fails where it leaves with another code than 0 or the `allowed` one."""
        if line.startswith("export "):
            self._exports.append(line)
            return ""
        said = self.folder / "said.txt"
        process = self._start(line, said)
        try:
            code = process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._end(process)
            code = -1
        assert code in {0, allowed}, f"{line}\nleft with {code}:\n{_tail(said)}"
        return said.read_text("utf-8", "replace")

    def run_until(self, line: str, sign: str) -> str:
        """Start what would go on, wait until it says something that matches `sign`, and give it one Ctrl-C.

        Where it says an address, that must answer. Fails where it ends by itself, or badly.
        """
        said = self.folder / "said.txt"
        process = self._start(line, said)
        try:
            shown = self._wait_for(process, said, sign, line)
            address = _ADDRESS.search(shown)
            assert address is None or _answers(address.group(), process), f"{line}\nnothing answers:\n{_tail(said)}"
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            code = process.wait(120)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            self._end(process)
        good = _INTERRUPTED | (_MAKE if line.startswith("make") else set())
        assert code in good, f"{line}\nleft with {code} after Ctrl-C:\n{_tail(said)}"
        return said.read_text("utf-8", "replace")

    def close(self) -> None:
        """End what the page left in the background: the service, detached studies, and whatever else is of its home."""
        home = str(self.folder / "home")
        self._start("reid-tune down --now", self.folder / "said.txt").wait(120)
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("REID_TUNE_HOME") == home and process.pid != os.getpid():
                process.kill()
        self.beside.close()

    def _start(self, line: str, said: Path) -> subprocess.Popen[bytes]:
        script = "\n".join(["set -euo pipefail", *self._exports, line])
        with said.open("wb") as out:
            return subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_for(self, process: subprocess.Popen[bytes], said: Path, sign: str, line: str) -> str:
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            ended = process.poll() is not None
            shown = said.read_text("utf-8", "replace")
            if re.search(sign, shown):
                return shown
            assert not ended, f"{line}\nended by itself with {process.returncode}:\n{_tail(said)}"
            time.sleep(0.1)
        raise AssertionError(f"{line}\nnever said {sign!r}:\n{_tail(said)}")

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether an HTTP server of the process is there within a minute; refusing us for want of a token is an answer."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(address.replace("0.0.0.0", "127.0.0.1"), timeout=10).close()
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False


def _tail(said: Path) -> str:
    return said.read_text("utf-8", "replace")[-3000:]
