"""What an interrupted `embed` has done counts only while its pictures are what they were."""

import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from mean_embedder import MeanEmbedder
from PIL import Image

from orchestrator.service.model_out import embed
from orchestrator.service.model_out.pictures import Pictures

RED, BLUE = (250, 0, 0), (0, 0, 250)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(embed, "_PART", 2)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (8, 8), RED).save(folder / f"{number}.bmp")
    return folder


def interrupted(source, out):
    """Two parts done, the file not written."""

    def stop(done, _total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed.embed_pictures(MeanEmbedder(), Pictures([str(source)]), out, progress=stop)
    assert not out.exists()


def gone_on(source, out):
    """How many rows were there already, and the rows."""
    made = embed.embed_pictures(MeanEmbedder(), Pictures([str(source)]), out)
    return made.resumed, pq.read_table(out).to_pylist()


def test_pictures_that_stayed_are_not_embedded_again(photos, tmp_path):
    interrupted(photos, tmp_path / "f.parquet")
    assert gone_on(photos, tmp_path / "f.parquet")[0] == 4


def test_a_replaced_picture_is_embedded_anew(photos, tmp_path):
    interrupted(photos, tmp_path / "f.parquet")
    Image.new("RGB", (80, 80), BLUE).save(photos / "1.bmp")
    resumed, rows = gone_on(photos, tmp_path / "f.parquet")
    assert resumed == 2
    assert [int(np.argmax(row["embedding"])) for row in rows] == [0, 2, 0, 0]


def test_one_of_the_same_size_is_told_by_its_time(photos, tmp_path):
    interrupted(photos, tmp_path / "f.parquet")
    before = (photos / "3.bmp").stat()
    Image.new("RGB", (8, 8), BLUE).save(photos / "3.bmp")
    assert (photos / "3.bmp").stat().st_size == before.st_size
    os.utime(photos / "3.bmp", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    resumed, rows = gone_on(photos, tmp_path / "f.parquet")
    assert resumed == 2
    assert [int(np.argmax(row["embedding"])) for row in rows] == [0, 0, 0, 2]


def test_another_identity_in_the_manifest_is_kept(photos, tmp_path):
    manifest = photos / "manifest.csv"
    rows = [f"{number}.bmp,7" for number in range(4)]
    manifest.write_text("\n".join(["file,pid", *rows]))
    interrupted(photos, tmp_path / "f.parquet")
    manifest.write_text("\n".join(["file,pid", "0.bmp,8", *rows[1:]]))
    resumed, told = gone_on(photos, tmp_path / "f.parquet")
    assert resumed == 2
    assert [row["pid"] for row in told] == ["8", "7", "7", "7"]


@pytest.mark.slow
def test_frames_are_those_of_the_video_that_is_there_now(tmp_path):
    av = pytest.importorskip("av")
    film = tmp_path / "film.mp4"

    def draw(colour):
        with av.open(str(film), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            pixels = np.full((32, 32, 3), colour, np.uint8)
            for frame in range(4):
                picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                picture.pts = frame
                for packet in stream.encode(picture):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)

    draw(RED)
    interrupted(film, tmp_path / "f.parquet")
    draw(BLUE)
    resumed, rows = gone_on(film, tmp_path / "f.parquet")
    assert (resumed, len(rows)) == (0, 4)
    assert {int(np.argmax(row["embedding"])) for row in rows} == {2}
