"""A writer that is killed at any moment leaves the last whole state."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from reid_core.gallery.index import open_index
from reid_core.gallery.items import Item
from reid_core.gallery.writer import create_index, writing

CHILD = """
import sys, numpy as np
from pathlib import Path
from reid_core.gallery.items import Item
from reid_core.gallery.writer import writing
with writing(Path(sys.argv[1]), wait=60) as writer:
    for step in range(10_000):
        rows = np.random.default_rng(step).normal(size=(50, 8)).astype(np.float32)
        ids = writer.add(rows, [Item(f"{step}-{n}.jpg") for n in range(50)])
        print(ids.stop, flush=True)
        if step % 3 == 2:
            writer.remove(ids[:10])
            print(ids.stop, flush=True)
        if step % 5 == 4:
            writer.settle()
"""


@pytest.mark.parametrize("steps", [1, 6, 17])
def test_a_killed_writer_leaves_the_last_whole_state(tmp_path, steps):
    folder = tmp_path / "index"
    create_index(folder, 8, kind="hnsw")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        said = [int(child.stdout.readline()) for _ in range(steps)]
        reader = open_index(folder)  # while it writes
        child.send_signal(signal.SIGKILL)
        said += [int(line) for line in child.stdout.read().splitlines()]
    assert reader.search(np.ones((1, 8), np.float32), 3).ids.min() >= 0
    left = open_index(folder)
    assert left.state.next_id >= said[-1]  # nothing that was told is lost
    assert left.state.next_id % 50 == 0  # and nothing is there in part
    assert np.array_equal(left.vectors(left.ids[:1]).shape, (1, 8))
    assert len(left.files()) == len(left) == left.ids.size
    hits = left.search(left.vectors(left.ids), 1)
    assert hits.distances.max() < 1e-5
    with writing(folder, wait=10) as writer:  # its lock went with it, what it left is swept
        writer.add(np.ones((1, 8), np.float32), [Item("again.jpg")])
    now = open_index(folder)
    assert "again.jpg" in now.files()
    entries = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert entries == now.state.names() | {"index.json"}
