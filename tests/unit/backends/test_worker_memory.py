"""A warm worker gives back what its segments used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SEGMENTS = """
import sys
import psutil
from orchestrator.backends.ray_worker import SegmentWorker
from orchestrator.trial.protocol import SegmentSpec

worker = SegmentWorker("trials.greedy:GreedyTrial")
before = psutil.Process().memory_info().rss
for segment in range(1, 5):
    list(worker.run(SegmentSpec("s", segment, segment, {}, 0, 1, None, 0, sys.argv[1])))
print((psutil.Process().memory_info().rss - before) / 1e6)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other C libraries keep their own counsel")
def test_a_worker_after_four_segments_is_as_small_as_before_the_first(tmp_path):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    result = subprocess.run(
        [sys.executable, "-c", SEGMENTS, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(result.stdout) < 100, "megabytes that a segment of 240 MB left behind"
