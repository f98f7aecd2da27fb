"""What `embed` wrote is what `index build` reads; which images a threshold is measured on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_model import some_people

from reid_core.config import Config
from reid_core.data.layouts.recognise import read_dataset
from reid_core.data.pipeline import validation_cut


def said(place, *words, sent=b""):
    """What a command prints as JSON."""
    done = ended(place, *words, sent=sent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ended(place, *words, sent=b""):
    """How a command ends, and what it says, with `sent` on standard input."""
    settings = {**os.environ, "REID_TUNE_HOME": str(place.home)}
    command = [sys.executable, "-m", "orchestrator.cli", *map(str, words), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, env=settings, input=sent)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


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


def test_an_index_of_a_list_on_standard_input_is_asked_with_an_image_there(place, tmp_path):
    index, page = tmp_path / "index", tmp_path / "found.html"
    listed = "".join(f"{file}\n" for file in place.images[:6]).encode()
    built = said(place, "index", "build", index, "-", "--model", place.model, sent=listed)
    assert (built["added"], built["index"]["rows"]) == (6, 6)
    image = place.images[5].read_bytes()
    words = ["search", "-", "--index", index, "--model", place.model, "--top", 1]
    (query,) = said(place, *words, "--html", page, sent=image)["queries"]
    assert (query["file"], query["hits"][0]["file"]) == ("-", str(place.images[5]))
    assert query["hits"][0]["distance"] < 1e-5
    assert page.read_text().count("<img") == 2
    refused = ended(place, "index", "add", index, "-", "--model", place.model, sent=image)
    assert refused.returncode == 2
    assert "an index keeps images by their paths" in refused.stderr


def test_a_threshold_of_other_images_is_that_of_an_index_of_them_and_stays(place, tmp_path):
    some_people(tmp_path / "others", identities=9)
    said(place, "index", "build", tmp_path / "index", place.index.parent / "people", "--model", place.model)
    said(place, "index", "build", tmp_path / "theirs", tmp_path / "others", "--model", place.model)
    rate = ["--fpr", 0.05]
    told = said(place, "index", "calibrate", tmp_path / "index", tmp_path / "others", "--model", place.model, *rate)
    same = said(place, "index", "calibrate", tmp_path / "theirs", *rate)
    assert (told["threshold"], told["tpr"]) == pytest.approx((same["threshold"], same["tpr"]), abs=1e-6)
    assert told["threshold_source"].endswith("others")
    said(place, "index", "add", tmp_path / "index", tmp_path / "others", "--model", place.model)
    assert said(place, "index", "info", tmp_path / "index")["threshold"] == told["threshold"]
    back = said(place, "index", "calibrate", tmp_path / "index", *rate)
    assert back["threshold_source"].endswith("of the index")


def test_a_threshold_is_measured_on_the_identities_that_a_search_holds_out(place, tmp_path):
    photos = tmp_path / "photos"
    said(place, "data", "example", photos)
    index = tmp_path / "index"
    said(place, "index", "build", index, "--data", photos, "--model", place.model)
    words = ["--model", place.model, "--data", photos, "--split", "validation", "--fpr", 0.1]
    told = said(place, "index", "calibrate", index, *words)
    assert 0 < told["threshold"] < 2
    assert told["threshold_source"].endswith(f"{photos}, validation")
    found = read_dataset(photos)
    held = validation_cut(Config(), found).gallery
    assert told["threshold_source"].startswith(f"{len(held)} queries and {len(held)} images of ")
    assert 0 < len(held) < len(found.train) / 2


def test_a_threshold_says_what_it_left_out_and_when_nobody_is_known(place, tmp_path):
    others = tmp_path / "others"
    some_people(others, identities=9)
    index = tmp_path / "index"
    said(place, "index", "build", index, others, "--model", place.model)
    torn = min(others.rglob("*.png"))
    torn.write_bytes(torn.read_bytes()[:40])
    words = ["index", "calibrate", index, others, "--model", place.model, "--fpr", 0.05]
    refused = ended(place, *words)
    assert refused.returncode == 3
    assert torn.name in refused.stderr
    left = ended(place, *words, "--skip-bad-images")
    assert (left.returncode, torn.name in left.stderr) == (0, True)
    before = json.loads(left.stdout)["threshold"]

    nobody = tmp_path / "nobody"
    nobody.mkdir()
    for number, path in enumerate(sorted(others.rglob("*.png"))[1:5]):
        (nobody / f"{number}.png").write_bytes(path.read_bytes())
    unknown = ended(place, "index", "calibrate", index, nobody, "--model", place.model)
    assert unknown.returncode == 3
    assert "no threshold without identities" in unknown.stderr
    assert said(place, "index", "info", index)["threshold"] == before
