"""torch.compile, and what it needs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from reid_core.engine.compute import Compute
from reid_core.errors import ConfigError, Finding

__all__ = ["compiled"]

_COMPILER = "clang++" if sys.platform == "darwin" else "g++"  # what torch calls

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def compiled(function: Callable[Arguments, Result], compute: Compute) -> Callable[Arguments, Result]:
    """Let torch.compile translate `function`, at its first call; ConfigError where a CPU lacks the C++ compiler."""
    if compute.device.type == "cpu" and shutil.which(os.environ.get("CXX", _COMPILER)) is None:
        raise ConfigError(
            Finding(
                "no-compiler",
                "SOLVER.COMPILE on a CPU needs a C++ compiler, and there is none",
                hint="install one (Debian: apt install g++), or set SOLVER.COMPILE to false",
                key="SOLVER.COMPILE",
            )
        )
    return torch.compile(function)
