"""Files are there wholly or not at all: real kills and real limits, in a process without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reid_core.engine.durable import remove, sha256_of, write_atomically


def run(script, *arguments):
    return subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=False).returncode


_KILLED = """
import os, signal, sys
from pathlib import Path
from reid_core.engine import durable
call, when, path = sys.argv[1:]
real = getattr(os, call)
def killed(*arguments):
    if when == "after":
        real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, call, killed)
durable.write_atomically(Path(path), b"new" * 1000)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path, call, when):
    path = tmp_path / "a.pt"
    path.write_bytes(b"old")
    assert run(_KILLED, call, when, path) == -9
    assert path.read_bytes() == (b"new" * 1000 if (call, when) == ("replace", "after") else b"old")
    write_atomically(path, b"next")
    assert path.read_bytes() == b"next"
    assert [file.name for file in tmp_path.iterdir()] == ["a.pt"]


_LIMITED = """
import errno, resource, signal, sys
from pathlib import Path
from reid_core.engine.durable import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), bytes(5000))
except OSError as error:
    sys.exit(error.errno != errno.EFBIG)
sys.exit(2)
"""


def test_a_file_that_does_not_fit_leaves_nothing_behind(tmp_path):
    assert run(_LIMITED, tmp_path / "a.pt") == 0
    assert list(tmp_path.iterdir()) == []


def test_the_sum_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_removing_what_is_not_there_is_fine(tmp_path):
    remove(tmp_path / "a")
    (tmp_path / "a").write_bytes(b"")
    remove(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
