"""From a finished study to a file, a table of embeddings and MLflow's registry, on the command line."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(4):
        Image.fromarray(rng.integers(0, 256, (48, 24, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def exported(cli, finished, tmp_path):
    """The study's model as an ONNX file, and what the command said of it."""
    done = cli("export", "onnx", "tiny", "--out", tmp_path / "tiny.onnx", "--threads", 1, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_export_says_which_model_of_a_study_it_took(cli, exported):
    assert "study tiny" in exported["which"]
    assert exported["agreement"]["cosine_min"] > 0.9999
    assert set(exported["commands"]) == {"OpenVINO", "TensorRT"}
    card = cli("export", "card", exported["file"])
    assert card.code == 0, card.err
    for word in ("commercial-ok: data set synthetic", "SHA-256", exported["card"]["weights"]):
        assert word in card.out


def test_embeddings_are_the_same_from_study_and_file_in_both_forms(cli, exported, photos, tmp_path):
    table, array = tmp_path / "f.parquet", tmp_path / "f.npy"
    done = cli("embed", photos, "--model", "tiny", "--out", table, "--threads", 1, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["images"], told["bad"], told["resumed"]) == (4, [], 0)
    assert told["images_per_second"] > 0
    assert cli("embed", photos, "--model", exported["file"], "--out", array, "--threads", 1).code == 0
    rows = pq.read_table(table).to_pylist()
    assert [Path(row["file"]).name for row in rows] == ["0.png", "1.png", "2.png", "3.png"]
    np.testing.assert_allclose(np.array([row["embedding"] for row in rows]), np.load(array), atol=1e-5)
    with Path(f"{array}.csv").open() as file:
        assert [Path(row["file"]).name for row in csv.DictReader(file)] == ["0.png", "1.png", "2.png", "3.png"]
    assert pq.read_schema(table).metadata[b"reid-tune.model"].decode() == told["model"]


def test_standard_input_is_a_list_or_an_image(cli, exported, photos, tmp_path, monkeypatch):
    def embedded(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        done = cli("embed", "-", "--model", exported["file"], "--out", tmp_path / "f.parquet", "--threads", 1)
        return done, pq.read_table(tmp_path / "f.parquet").to_pylist() if done.code == 0 else []

    files = [str(photos / f"{index}.png") for index in (2, 0)]
    _, listed = embedded("\n".join(files).encode())
    assert [row["file"] for row in listed] == files
    _, sent = embedded(Path(files[1]).read_bytes())
    assert [row["file"] for row in sent] == ["-"]
    np.testing.assert_allclose(sent[0]["embedding"], listed[1]["embedding"], atol=1e-6)
    refused, _ = embedded("\0".join(files).encode())
    assert refused.code == 2
    assert "- takes a list of paths or one image" in refused.err


def test_a_study_is_a_model_for_indexes_searches_and_services_too(cli, finished, photos, tmp_path, monkeypatch):
    index, model = tmp_path / "index", ("--model", "tiny")
    built = cli("index", "build", index, photos / "0.png", *model, "--json")
    assert built.code == 0, built.err
    assert json.loads(cli("index", "add", index, photos, *model, "--json").out)["added"] == 3
    (photos / "manifest.csv").write_text("file,pid\n0.png,1\n1.png,1\n2.png,2\n3.png,2\n")
    calibrated = cli("index", "calibrate", index, photos, *model)
    assert calibrated.code == 0, calibrated.err
    found = cli("search", photos / "1.png", "--index", index, *model, "--top", 1, "--json")
    assert json.loads(found.out)["queries"][0]["hits"][0]["distance"] < 1e-5
    np.save(tmp_path / "f.npy", np.eye(json.loads(built.out)["index"]["dim"], dtype=np.float32)[:2])
    assert cli("index", "add", index, tmp_path / "f.npy", *model).code == 0
    served = []
    monkeypatch.setattr("dashboards.model_app.serve_model", lambda service, *_: served.append(service))
    assert cli("serve-model", "tiny", "--index", index, "--threads", 1).code == 0
    served[0].close()
    assert served[0].embedder.name == json.loads(found.out)["model"]
    for words in (("serve-model", "nobody"), ("search", photos, "--index", index, "--model", "no.pt")):
        missing = cli(*words)
        assert missing.code == 5
        assert "nobody" in missing.err or "no.pt" in missing.err


def test_what_was_interrupted_goes_on_and_bad_images_are_named(cli, exported, photos, tmp_path, monkeypatch):
    monkeypatch.setattr("orchestrator.service.model_out.embed._PART", 2)
    (photos / "9.jpg").write_text("no image")
    out = tmp_path / "f.parquet"
    command = ("embed", photos, "--model", exported["file"], "--out", out, "--threads", 1)
    broken = cli(*command)
    assert broken.code == 3
    assert "9.jpg" in broken.err
    assert "--skip-bad-images" in broken.err
    assert not out.exists()
    done = cli(*command, "--skip-bad-images", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["images"], told["resumed"]) == (4, 4)
    assert [Path(one["file"]).name for one in told["bad"]] == ["9.jpg"]
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".f")) == []


def test_frames_of_a_video_at_two_a_second(cli, exported, tmp_path):
    av = pytest.importorskip("av")
    film = tmp_path / "film.mp4"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 64, "yuv420p"
        for shade in range(20):
            pixels = np.full((64, 32, 3), shade * 12, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    out = tmp_path / "frames.parquet"
    command = ("embed", film, "--model", exported["file"], "--out", out, "--threads", 1)
    assert cli(*command, "--fps", 2).code == 0
    assert [row["file"] for row in pq.read_table(out).to_pylist()] == [f"{film}#{n}" for n in (0, 5, 10, 15)]
    assert cli(*command, "--every", 8).code == 0
    assert [row["file"] for row in pq.read_table(out).to_pylist()] == [f"{film}#{n}" for n in (0, 8, 16)]
    assert cli(*command, "--every", 8, "--fps", 2).code == 2
    film.write_text("no film")
    assert "the video does not decode" in cli(*command).err


@pytest.mark.slow
def test_the_winner_is_registered_and_loads_with_pyfunc(cli, finished, photos, monkeypatch):
    done = cli("best", "tiny", "--register", "cows", "--alias", "champion", "--threads", 1, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["version"], told["alias"], told["load"]) == (1, "champion", "models:/cows@champion")

    import mlflow
    import pandas as pd

    monkeypatch.setenv("MLFLOW_TRACKING_URI", told["uri"])
    model = mlflow.pyfunc.load_model(told["load"])
    assert model.metadata.signature.inputs.input_names() == ["image"]
    assert model.metadata.saved_input_example_info is not None
    path = photos / "0.png"
    rows = model.predict(pd.DataFrame({"image": [str(path), np.asarray(Image.open(path))]}))
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert model.metadata.metadata["card"]["licence"] == "commercial-ok"


def test_impossible_wishes_are_refused_before_any_work(cli, finished, tmp_path):
    for words, code in (
        (("export", "onnx", "nobody"), 5),
        (("export", "onnx", tmp_path / "no.pt"), 5),
        (("export", "onnx", "tiny", "--fp16", "--int8"), 2),
        (("export", "onnx", "tiny", "--batch", 2, "--dynamic-batch"), 2),
        (("embed", tmp_path, "--model", "tiny", "--out", tmp_path / "f.txt"), 2),
        (("best", "tiny", "--register", "a/b"), 3),
        (("best", "tiny", "--register", "a", "--retrain"), 2),
    ):
        assert cli(*words).code == code, words
