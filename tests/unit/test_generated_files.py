"""Files that are written by programs are what these write now: no API, command, key or state dict changes unnoticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [
    "api_types",
    "command_reference",
    "configuration_reference",
    "http_reference",
    "space_reference",
    "task_table",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*PROGRAMS, "backbone_reference"])
def test_file_is_up_to_date(name):
    command = [sys.executable, f"tools/{name}.py", "--check"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
