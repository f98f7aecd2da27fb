"""Failure kinds, kept apart from the protocol so that events can name them without importing it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FailureKind"]


class FailureKind(StrEnum):
    """Why a segment failed; the retry policy of orchestrator.control depends on it.

    NODE is the fault of where it ran: a device error, a full disk. It is not held against the trial.
    """

    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    DATA = "data"
    LOST = "lost"
    BUG = "bug"
    TIMEOUT = "timeout"
    NODE = "node"
