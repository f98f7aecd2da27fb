"""An index holds each file once, however its path is spelled."""

from pathlib import Path

import pytest
from mean_embedder import MeanEmbedder
from PIL import Image

from orchestrator.service.image_index.index import Sources, add, remove
from orchestrator.service.image_index.sources import image_items
from reid_core.gallery.index import open_index
from reid_core.gallery.items import Item, places
from reid_core.gallery.writer import create_index


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with photos/ and a link to it, and an index of photos/ as it was spelled there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    for shade in (10, 20, 30):
        Image.new("RGB", (4, 4), (shade, 0, 0)).save(tmp_path / "photos" / f"{shade}.png")
    create_index(tmp_path / "people", 3)
    put("photos/")
    return tmp_path


def put(source):
    made = add(Path("people"), Sources((str(source),)), embedder=MeanEmbedder(""))
    return made.added, made.skipped


@pytest.mark.parametrize("spelled", ["photos", "./photos/", "{here}/photos", "link", "photos/../link", "list.txt"])
def test_what_is_there_already_is_skipped(folder, spelled):
    (folder / "list.txt").write_text("./photos/10.png\nphotos//20.png\nlink/30.png\n")
    assert put(spelled.format(here=folder)) == (0, 3)
    assert open_index(folder / "people").files() == {f"photos/{shade}.png" for shade in (10, 20, 30)}


@pytest.mark.slow
def test_a_new_file_and_one_of_the_same_name_elsewhere_are_added(folder):
    (folder / "other").mkdir()
    for place in ("other/10.png", "photos/40.png"):
        Image.new("RGB", (4, 4), (0, 9, 0)).save(folder / place)
    assert put(folder / "photos") == (1, 3)
    assert put("other") == (1, 0)


def test_vectors_of_files_that_are_there_are_skipped(folder, monkeypatch):
    rows = [Item(str(folder / "photos" / "10.png")), Item("new.png"), Item()]
    vectors = MeanEmbedder().embed_files([folder / "photos" / "10.png"] * 3)
    monkeypatch.setattr("orchestrator.service.image_index.index.stored_vectors", lambda *_: iter([(vectors, rows)]))
    made = add(Path("people"), Sources(("f.npy",)))
    assert (made.added, made.skipped) == (2, 1)


def test_a_file_is_removed_by_any_spelling(folder):
    assert remove(folder / "people", files=[str(folder / "link" / "10.png")]).removed == 1
    assert remove(folder / "people", files=["./photos/20.png"]).removed == 1


def test_sources_that_name_a_file_twice_take_it_once(folder):
    items = image_items(["photos", str(folder / "photos"), "link/10.png"])
    assert [item.file for item in items] == ["photos/10.png", "photos/20.png", "photos/30.png"]


def test_places_of_odd_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path.resolve())
    named = ["", "a.png", "/a.png", "film.mp4#3", "b/../a.png"]
    assert list(places(named)) == ["", f"{here}/a.png", "/a.png", f"{here}/film.mp4#3", f"{here}/a.png"]
