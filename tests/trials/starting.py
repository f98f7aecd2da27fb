"""A trial whose worker never gets ready on a node whose environment says so."""

from __future__ import annotations

import os
import time
from pathlib import Path

from trials.curves import CurveTrial

STARTS = "REID_TUNE_TEST_STARTS"
"""Environment of a node: the file that appears when a worker begins to start there, and goes on for long."""


class StartingTrial(CurveTrial):
    """CurveTrial; see the module."""

    def __init__(self) -> None:
        if os.environ.get(STARTS):
            Path(os.environ[STARTS]).touch()
            time.sleep(600)
