"""Memory that a segment no longer uses goes back to the machine, so that a warm worker stays as small as a new one."""

from __future__ import annotations

import ctypes
import gc
from functools import cache

__all__ = ["give_back"]


def give_back() -> None:
    """Collect cycles, then let the C library return what is free. Does nothing more where it has no such call.

    glibc keeps what was freed for the thread that freed it; training leaves gigabytes of it behind.
    """
    gc.collect()
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library, or a system without one to open by None
        return None
