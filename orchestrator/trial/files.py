"""Checkpoint files of a trial's folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

__all__ = ["keep_only"]


def keep_only(checkpoint: Path, also: Collection[Path] = ()) -> None:
    """Delete the checkpoints beside `checkpoint` (files of its kind, and what stands beside them as NAME.sha256).

    Those in `also` stay.

    Does nothing where the file is not to be seen from here, on another node say.
    """
    if not checkpoint.is_file():
        return
    for other in sorted(checkpoint.parent.glob(f"*{checkpoint.suffix}")):
        if other != checkpoint and other not in also:
            other.unlink(missing_ok=True)
            other.with_name(f"{other.name}.sha256").unlink(missing_ok=True)
