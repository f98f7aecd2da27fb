"""`-` is a list of paths or one image, and nothing else is taken for a path."""

import io
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from mean_embedder import MeanEmbedder
from PIL import Image

from orchestrator.service.image_index.piped import standard_input
from orchestrator.service.image_index.sources import image_items
from orchestrator.service.model_out.embed import embed_pictures
from orchestrator.service.model_out.pictures import Pictures
from reid_core.errors import DataError, UsageError


@pytest.fixture
def pipe(monkeypatch):
    """Let bytes stand on standard input."""

    def put(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


def encoded(form="PNG", colour=(0, 250, 0)):
    made = io.BytesIO()
    Image.new("RGB", (9, 9), colour).save(made, form)
    return made.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_what_begins_like_an_image_is_one(pipe, form):
    pipe(encoded(form))
    assert standard_input().data == encoded(form)


def test_lines_are_paths_also_where_one_begins_like_a_bitmap(pipe):
    pipe("BMW/1.jpg\n\n  ä b.png\r\n".encode())
    assert standard_input() == ["BMW/1.jpg", "ä b.png"]


@pytest.mark.parametrize("data", [b"a.jpg\0b.jpg\0", b"\x1b[2J\xff\xfe", encoded("TIFF")])
def test_other_bytes_are_refused(pipe, data):
    pipe(data)
    with pytest.raises(UsageError, match="- takes a list of paths or one image"):
        image_items(["-"], piped={})


def test_a_file_of_such_bytes_is_no_list(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"a.jpg\0b.jpg\0")
    with pytest.raises(DataError, match="is no image, manifest"):
        image_items([str(tmp_path / "list.txt")])


def test_an_index_refuses_an_image_that_has_no_path(pipe):
    pipe(encoded())
    with pytest.raises(UsageError, match="an index keeps images by their paths"):
        image_items(["-"])


def test_an_image_is_embedded_as_its_file_is(pipe, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(colour=(0, 0, 250)))
    pipe(encoded())
    embed_pictures(MeanEmbedder(), Pictures([str(tmp_path / "a.png"), "-"]), tmp_path / "f.parquet")
    rows = pq.read_table(tmp_path / "f.parquet").to_pylist()
    assert [row["file"] for row in rows] == [str(tmp_path / "a.png"), "-"]
    assert [int(np.argmax(row["embedding"])) for row in rows] == [2, 1]


def test_a_torn_image_is_named_without_its_address(pipe, tmp_path):
    pipe(b"\xff\xd8\xff no JPEG")
    with pytest.raises(DataError, match=r"^-: error\[corrupt-image\]: does not decode: cannot identify .* '-'"):
        embed_pictures(MeanEmbedder(), Pictures(["-"]), tmp_path / "f.parquet")
    pipe(b"\xff\xd8\xff no JPEG")
    made = embed_pictures(MeanEmbedder(), Pictures(["-"]), tmp_path / "f.parquet", skip_bad=True)
    assert (made.images, [one.file for one in made.bad]) == (0, ["-"])
