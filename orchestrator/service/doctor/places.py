"""Folders: whether they can be written, how much space is left, and whether their clock agrees with ours."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.service.doctor.check import GIB, Check, fails, fine, warns
from orchestrator.service.home import Home
from reid_core.data.cache import cache_folder
from reid_core.errors import ReidTuneError

__all__ = ["clock_check", "disks", "file_clock", "home_folder", "shared_memory"]

LEAST_FREE = 2 * GIB
_SKEW, _MUCH_SKEW = 2.0, 5.0
"""Seconds between two clocks; a lease lasts 15."""


def home_folder(home: Home) -> Check:
    """It exists, or can be made, and can be written."""
    try:
        home.ensure()
        with tempfile.TemporaryFile(dir=home.root):
            return fine("home", str(home.root))
    except (OSError, ReidTuneError) as error:
        return fails("home", str(error), "set REID_TUNE_HOME to a writable folder")


def disks(home: Home) -> Iterator[Check]:
    """Space for checkpoints, for decoded images and for what is temporary; a disk that is the same is told once."""
    seen: dict[int, str] = {}
    for name, folder, least in (
        ("disk", home.root, LEAST_FREE),
        ("disk of the cache", cache_folder(), LEAST_FREE),
        ("disk of temporary files", Path(tempfile.gettempdir()), LEAST_FREE // 4),
    ):
        place = next((one for one in (folder, *folder.parents) if one.exists()), Path.cwd())
        device = place.stat().st_dev
        if device in seen and name != "disk":
            continue
        seen[device] = name
        usage = shutil.disk_usage(place)
        told = f"{usage.free / GIB:.0f} of {usage.total / GIB:.0f} GiB free"
        nodes = os.statvfs(place)
        if usage.free < least:
            yield fails(name, told, f"free some space in {folder}: checkpoints and caches need it")
        elif nodes.f_files and nodes.f_favail < 10_000:
            yield fails(name, f"{nodes.f_favail} more files can be made", f"remove small files below {place}")
        else:
            yield fine(name, told)


def shared_memory() -> Check:
    """Where Ray's object store and data loaders exchange arrays."""
    path = Path("/dev/shm")  # noqa: S108 - Ray's object store lives there; it is looked at, not written
    if not path.exists():
        return fine("shared memory", "not a Linux machine")
    free = shutil.disk_usage(path).free
    told = f"{free / 1024**2:.0f} MiB free"
    if free >= 256 * 1024**2 and os.access(path, os.W_OK):
        return fine("shared memory", told)
    return fails("shared memory", told, "raise it (docker: --shm-size=2g)")


def file_clock(home: Home) -> Check:
    """The clock that gives the home folder's files their times: a file server's may be another."""
    with tempfile.NamedTemporaryFile(dir=home.root, prefix=".clock-") as file:
        file.write(b"now")
        file.flush()
        theirs = Path(file.name).stat().st_mtime
    return clock_check("clock", "the home folder's file system", theirs - time.time())


def clock_check(name: str, whose: str, ahead: float) -> Check:
    """A finding about another clock that is `ahead` seconds before ours."""
    if abs(ahead) < _SKEW:
        return fine(name, f"agrees with {whose}")
    told = f"{abs(ahead):.1f} s {'behind' if ahead > 0 else 'ahead of'} {whose}"
    advice = "set the clock by NTP (chronyc makestep): leases of controllers last 15 s"
    return fails(name, told, advice) if abs(ahead) >= _MUCH_SKEW else warns(name, told, advice)
