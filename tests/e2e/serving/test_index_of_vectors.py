"""What `embed` wrote is what `index build` reads: no image is embedded twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def said(place, *words):
    """What a command prints as JSON."""
    settings = {**os.environ, "REID_TUNE_HOME": str(place.home)}
    command = [sys.executable, "-m", "orchestrator.cli", *map(str, words), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("form", ["parquet", "npy"])
def test_an_index_of_what_embed_wrote_finds_what_one_of_the_images_finds(place, tmp_path, form):
    vectors = tmp_path / f"f.{form}"
    said(place, "embed", place.index.parent / "people", "--model", place.model, "--out", vectors)
    manifest = ["--manifest", f"{vectors}.csv"] if form == "npy" else []
    said(place, "index", "build", tmp_path / "index", vectors, *manifest)

    def found(index):
        told = said(place, "search", place.images[5], "--index", index, "--model", place.model, "--top", 4)
        return [(Path(hit["file"]).name, hit["distance"]) for hit in told["queries"][0]["hits"]]

    ours, theirs = found(tmp_path / "index"), found(place.index)
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert [far for _, far in ours] == pytest.approx([far for _, far in theirs], abs=1e-5)
    assert ours[0][0] == Path(place.images[5]).name
    assert ours[1][1] > 1e-3, "all images are the same to the model"
