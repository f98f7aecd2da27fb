"""What a segment prints is in its trial's folder, from whoever it comes, and no more of it than fits."""

from __future__ import annotations

import subprocess
import sys

PRINTS = """
import ctypes, os, subprocess, sys
from pathlib import Path
from orchestrator.backends.output import captured
folder = Path(sys.argv[1])
print("before")
with captured(folder):
    print("python")
    print("wrong", file=sys.stderr)
    library = ctypes.CDLL(None)
    library.puts(b"library")
    library.fflush(None)
    subprocess.run(["sh", "-c", "echo child"], check=True)
with captured(folder):
    print("second")
print("after")
"""
MUCH = """
import sys
from pathlib import Path
from orchestrator.backends.output import captured
for part in range(3):
    with captured(Path(sys.argv[1]), largest=1000):
        for number in range(200):
            print(part, number)
"""


def run(script, folder):
    return subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)


def test_python_a_library_and_a_child_print_into_the_trials_folder(tmp_path):
    said = run(PRINTS, tmp_path)
    assert said.stdout.split() == ["before", "after"]
    assert not said.stderr
    assert (tmp_path / "stdout.log").read_text().split() == ["library", "child", "python", "second"] or (
        (tmp_path / "stdout.log").read_text().split() == ["python", "library", "child", "second"]
    )
    assert (tmp_path / "stderr.log").read_text() == "wrong\n"


def test_a_file_that_is_too_large_starts_anew_and_its_end_is_kept(tmp_path):
    run(MUCH, tmp_path)
    assert (tmp_path / "stdout.log").stat().st_size <= 1000
    kept = (tmp_path / "stdout.log.1").read_bytes()
    assert len(kept) == 1000
    assert kept.endswith(b"2 199\n")
