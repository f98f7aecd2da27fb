"""The image cache as a whole: what it takes, what goes when there is no room, and what must stay."""

from __future__ import annotations

import multiprocessing
import os
import tracemalloc
from pathlib import Path

import numpy as np
import psutil
import pytest

from reid_core.data.cache import ImageCache
from reid_core.data.images import ImageArray
from reid_core.data.kept_images import GIB, LIMIT_VARIABLE, kept_images, limit_of, make_room, mapped, notes, remove
from reid_core.errors import InvalidInput

SIZE = (8, 4)
BYTES = 10 * 8 * 4 * 3 + 128
"""Of ten images, with the array's header."""


class Grey:
    """Images without files."""

    def decode(self, path, size, _interpolation):
        return np.full((*size, 3), int(path) % 256, dtype=np.uint8)

    def stamp(self, _paths):
        return "grey"


def opened(folder: Path, name: str, images: int = 10, size: tuple[int, int] = SIZE):
    return ImageCache(folder).open(Grey(), name, [str(number) for number in range(images)], size).images


def aged(folder: Path, seconds: float) -> None:
    """Make everything that is there unused for `seconds` longer."""
    for one in kept_images(folder):
        last = notes(one.file).stat().st_mtime - seconds
        os.utime(notes(one.file), (last, last))


def names(folder: Path) -> list[str]:
    return [one.fingerprint for one in kept_images(folder)]


@pytest.fixture(autouse=True)
def no_limit_of_the_environment(monkeypatch):
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)


def limited(folder: Path, count: float) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "limit").write_text(str(count * BYTES / GIB))


def test_what_was_unused_longest_makes_room_for_the_next(tmp_path):
    limited(tmp_path, 2.5)
    for name in ("first", "second"):
        opened(tmp_path, name)
        aged(tmp_path, 100)
    opened(tmp_path, "first")  # used again: the second is older now
    opened(tmp_path, "third")
    assert names(tmp_path) == ["first", "third"]


def test_what_somebody_uses_stays_although_it_is_the_oldest(tmp_path):
    limited(tmp_path, 1.5)
    held = opened(tmp_path, "held")
    aged(tmp_path, 100)
    opened(tmp_path, "other")
    assert names(tmp_path) == ["held", "other"]
    assert [one.used for one in kept_images(tmp_path)] == [True, False]
    view = held.pixels[2:4]
    del held
    opened(tmp_path, "third")
    assert names(tmp_path) == ["held", "third"]  # a view keeps the map
    del view
    opened(tmp_path, "fourth")
    assert "held" not in names(tmp_path)


def _hold(folder: Path, ready: object, done: object) -> None:
    pixels = opened(folder, "held").pixels
    ready.set()  # type: ignore[attr-defined]
    done.wait()  # type: ignore[attr-defined]
    assert pixels.sum() >= 0


def test_what_another_process_uses_stays_until_it_ends_however_it_ends(tmp_path):
    opened(tmp_path, "held")
    (one,) = kept_images(tmp_path)
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, ready, done))
    other.start()
    assert ready.wait(30)
    assert not remove(one.file)
    other.kill()
    other.join()
    assert remove(one.file)
    assert kept_images(tmp_path) == []


def test_an_array_larger_than_the_limit_is_built_all_the_same(tmp_path):
    limited(tmp_path, 0.5)
    assert len(opened(tmp_path, "large")) == 10
    assert names(tmp_path) == ["large"]


def test_a_nearly_full_disk_makes_room_as_the_limit_does(tmp_path, monkeypatch):
    opened(tmp_path, "old")
    monkeypatch.setattr("reid_core.data.kept_images.disk_usage", lambda _: type("Usage", (), {"free": 2 << 30})())
    assert [one.fingerprint for one in make_room(tmp_path, 1)] == ["old"]


def test_an_array_removed_between_opening_and_locking_is_built_again(tmp_path):
    opened(tmp_path, "gone")
    (one,) = kept_images(tmp_path)
    notes(one.file).unlink()
    assert mapped(one.file, (10, *SIZE, 3)) is None
    assert opened(tmp_path, "gone").take(np.array([3]))[0, 0, 0].tolist() == [3, 3, 3]


def test_a_cache_that_may_only_be_read_is_read(tmp_path, monkeypatch):
    opened(tmp_path, "shared")

    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    assert len(opened(tmp_path, "shared")) == 10


def test_the_environment_goes_before_the_file_and_nonsense_is_refused(tmp_path, monkeypatch):
    assert limit_of(tmp_path) == 64 * GIB
    (tmp_path / "limit").write_text("20\n")
    assert limit_of(tmp_path) == 20 * GIB
    monkeypatch.setenv(LIMIT_VARIABLE, "3.5")
    assert limit_of(tmp_path) == int(3.5 * GIB)
    for wrong in ("much", "0", "-1", "inf", "nan"):
        monkeypatch.setenv(LIMIT_VARIABLE, wrong)
        with pytest.raises(InvalidInput, match=LIMIT_VARIABLE):
            limit_of(tmp_path)


def test_maps_that_are_let_go_leave_no_descriptor(tmp_path):
    opened(tmp_path, "one")
    before = psutil.Process().num_fds()
    for _ in range(20):
        opened(tmp_path, "one")
    assert psutil.Process().num_fds() == before


@pytest.mark.slow
def test_building_needs_no_more_memory_for_more_images(tmp_path):
    def peak(images: int) -> int:
        tracemalloc.start()
        opened(tmp_path, f"of {images}", images, (64, 32))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(512), peak(4096)
    assert many < few + 4096 * 400  # names of images and their places; their pixels would be 22 MB more


@pytest.mark.slow
def test_batches_come_out_of_an_array_larger_than_the_memory(tmp_path):
    count = psutil.virtual_memory().total // (256 * 128 * 3) * 2
    file = tmp_path / "large.npy"
    with file.open("wb") as stream:
        shape = (count, 256, 128, 3)
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        try:
            stream.truncate(stream.tell() + count * 256 * 128 * 3)
        except OSError as error:
            pytest.skip(f"this file system has no files of holes: {error}")
    notes(file).write_text("{}")
    pixels = mapped(file, shape)
    assert pixels is not None
    images = ImageArray(pixels, np.arange(count))
    before = psutil.Process().memory_info().rss
    order = np.random.default_rng(0).integers(count, size=(4, 8))
    for batch in order:
        assert images.take(batch).shape == (8, 256, 128, 3)
    assert psutil.Process().memory_info().rss < before + (256 << 20)


@pytest.mark.parametrize("words", ["[]", "3", '{"another": "key", "place": 4}', "torn"])
def test_notes_and_arrays_of_others_do_not_break_the_list(tmp_path, words):
    opened(tmp_path, "one")
    (file,) = (tmp_path / "images").glob("*.npy")
    file.with_suffix(".about").write_text(words)
    np.save(tmp_path / "images" / "flat.npy", np.zeros(3, np.uint8))
    found = kept_images(tmp_path)
    assert [one.file for one in found] in ([file], [])
    assert all(one.place in {"", "4"} for one in found)
