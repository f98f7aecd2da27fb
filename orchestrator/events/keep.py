"""Which of a trial's checkpoints stay, as a word."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Keep"]


class Keep(StrEnum):
    """BEST: the best, the newest and those of the rungs. LAST: the newest. ALL: every one.

    Whatever it is, those stay that another trial is to go on from, and all of a pinned trial.
    """

    BEST = "best"
    LAST = "last"
    ALL = "all"
