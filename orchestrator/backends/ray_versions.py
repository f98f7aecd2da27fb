"""The same software on every node: what a worker must have as its controller has it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

__all__ = ["HINT", "differences", "versions"]

PACKAGES = ("reid-tune", "torch", "ray")
HINT = "run the same image on every node, or ship the environment with --runtime-env"


def versions() -> dict[str, str]:
    """Versions of what decides what a trial computes, in this process."""
    return {"python": sys.version.split()[0], **{name: _version(name) for name in PACKAGES}}


def differences(mine: Mapping[str, str], theirs: Mapping[str, str], *, shipped: bool = False) -> str:
    """What differs, in words, or empty. With `shipped` the node got this code from here, whatever it has installed.

    Python counts by its first two numbers: patches of it compute alike.
    """
    told = [
        f"{name} {theirs.get(name, 'is missing')} there, {mine[name]} here"
        for name in mine
        if _counts(name, mine[name]) != _counts(name, theirs.get(name, "")) and not (shipped and name == "reid-tune")
    ]
    return "; ".join(told)


def _counts(name: str, number: str) -> str:
    return ".".join(number.split(".")[:2]) if name == "python" else number.split("+", maxsplit=1)[0]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is missing"
