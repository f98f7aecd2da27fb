"""The GPUs of this machine, as the driver's own program tells of them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

__all__ = ["Gpu", "ask_driver", "driver_program"]

_FIELDS = "name,driver_version,memory.used,memory.total,utilization.gpu"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One of them, in the program's words: memory in MiB, `busy` in percent."""

    name: str
    driver: str
    used: str
    total: str
    busy: str


def driver_program() -> str | None:
    """The driver's program; None where it is not installed."""
    return shutil.which("nvidia-smi")


def ask_driver(program: str) -> tuple[Gpu, ...]:
    """Every GPU. Raises OSError and TimeoutExpired when it does not answer, CalledProcessError when it says no."""
    asked = [program, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=3, check=True)  # noqa: S603 - found on the path
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    return tuple(Gpu(*row) for row in rows if len(row) == _FIELDS.count(",") + 1)
