"""Shared memory that a tree of processes left: what stands in /dev/shm and nobody else can have put there."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from pathlib import Path

import psutil

__all__ = ["left_in_shared_memory", "names_in_shared_memory"]

_PLACE = Path("/dev/shm")
_OTHERS = re.compile(r"PostgreSQL\.|plasma|ray[_.-]|__ray")  # a database's, and Ray's own: they outlive what uses them

_MAKER = re.compile(r"^torch_(\d+)_")  # PyTorch names the process


def names_in_shared_memory() -> frozenset[str]:
    """The files that stand there now: PyTorch's (torch_*), Python's (psm_*), semaphores (sem.*) and any other."""
    found = (path for path in _PLACE.iterdir() if not _OTHERS.match(path.name))
    return frozenset(path.name for path in found if path.is_file())


def left_in_shared_memory(before: AbstractSet[str]) -> frozenset[str]:
    """Those that came since `before`, unless a process outside the tree of this one has them mapped, or is named.

    What a dead process of the tree has left is mapped by nobody: it counts.
    """
    new = names_in_shared_memory() - before
    if not new:
        return frozenset()
    me = psutil.Process()
    tree = {me.pid, *(child.pid for child in me.children(recursive=True))}
    others = [one for one in psutil.process_iter() if one.pid not in tree]
    mapped = {name for one in others for name in _mapped(one.pid)}
    pids = {str(one.pid) for one in others}
    return frozenset(name for name in new - mapped if not pids & set(_MAKER.findall(name)))


def _mapped(pid: int) -> frozenset[str]:
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:  # it has ended, or is another user's
        return frozenset()
    return frozenset(re.findall(rf"{_PLACE}/(\S+)", maps))
