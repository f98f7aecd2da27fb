"""A file that a program of this folder writes: written, or compared with what is there."""  # noqa: INP001 - scripts, not a package

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["write_or_check"]


def write_or_check(target: Path, text: str, arguments: list[str]) -> int:
    """Write `text` to `target`; with --check among the arguments only compare. Returns the exit code."""
    if "--check" not in arguments:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return 0
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{target} is out of date: run python tools/{Path(sys.argv[0]).name}\n")
    return 1
