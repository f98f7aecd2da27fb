"""The image cache: right pixels, built once whoever asks, never half a file, corrupt images named."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reid_core.data.cache import ImageCache, cache_folder
from reid_core.data.sources import CorruptImage, FileSource, Interpolation
from reid_core.errors import DataError, ReidTuneError

SIZE = (12, 6)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five images of noise in different sizes and modes, and none of them broken."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, mode in enumerate(("RGB", "L", "RGBA", "P", "CMYK")):
        pixels = rng.integers(0, 256, (20 + number, 10, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).convert(mode)
        image.save(folder / f"{number}.{'jpg' if mode == 'CMYK' else 'png'}")
    return folder


def _paths(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


class _Counting(FileSource):
    """Counts decodings, in a file so that other processes count too."""

    def decode(self, path: str, size: tuple[int, int], interpolation: Interpolation) -> np.ndarray:
        with (self.root.parent / "decoded").open("a") as stream:
            stream.write(f"{path}\n")
        return super().decode(path, size, interpolation)


def _decoded(root: Path) -> int:
    log = root.parent / "decoded"
    return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.mark.parametrize("interpolation", Interpolation)
def test_pixels_are_pillows(root, tmp_path, interpolation):
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    cached = ImageCache(tmp_path, interpolation=interpolation).open(FileSource(root), "f", _paths(root), SIZE)
    pixels = cached.images.take(np.arange(5))
    assert pixels.shape == (5, 12, 6, 3)
    for path, image in zip(_paths(root), pixels, strict=True):
        expected = Image.open(root / path).convert("RGB").resize((6, 12), filters[interpolation])
        assert np.array_equal(image, np.asarray(expected))


def test_pixels_are_a_read_only_memory_map(root, tmp_path):
    pixels = ImageCache(tmp_path).open(FileSource(root), "f", _paths(root), SIZE).images.pixels
    assert isinstance(pixels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_second_opening_decodes_nothing(root, tmp_path):
    for _ in range(2):
        ImageCache(tmp_path).open(_Counting(root), "f", _paths(root), SIZE)
    assert _decoded(root) == 5


def test_size_interpolation_fingerprint_and_paths_make_another_cache(root, tmp_path):
    cache, source, paths = ImageCache(tmp_path), _Counting(root), _paths(root)
    cache.open(source, "f", paths, SIZE)
    cache.open(source, "f", paths, (6, 12))
    ImageCache(tmp_path, interpolation=Interpolation.BICUBIC).open(source, "f", paths, SIZE)
    cache.open(source, "g", paths, SIZE)
    cache.open(source, "f", paths[:4], SIZE)
    assert _decoded(root) == 24


def test_an_image_changed_in_place_is_decoded_again(root, tmp_path):
    cache = ImageCache(tmp_path)
    before = cache.open(FileSource(root), "f", _paths(root), SIZE).images.take(np.arange(5))
    (root / "1.png").write_bytes((root / "0.png").read_bytes())
    after = cache.open(FileSource(root), "f", _paths(root), SIZE).images.take(np.arange(5))
    assert np.array_equal(after[1], before[0])


def test_exif_orientation_is_followed(tmp_path):
    image = Image.new("RGB", (6, 12))
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = FileSource(tmp_path).decode("turned.png", (12, 6), Interpolation.BILINEAR)
    assert pixels[11, 5].tolist() == [255, 255, 255]


def test_corrupt_images_are_named_with_the_reason(root, tmp_path):
    (root / "1.png").write_bytes(b"not an image")
    whole = (root / "3.png").read_bytes()
    (root / "3.png").write_bytes(whole[: len(whole) // 2])
    paths = _paths(root)
    (root / "0.png").unlink()
    with pytest.raises(DataError) as caught:
        ImageCache(tmp_path).open(FileSource(root), "f", paths, SIZE)
    findings = caught.value.findings
    assert [(finding.code, finding.file) for finding in findings] == [
        ("corrupt-image", "0.png"),
        ("corrupt-image", "1.png"),
        ("corrupt-image", "3.png"),
    ]
    assert "cannot identify image file" in findings[1].message
    assert "DATASETS.CORRUPT skip" in findings[1].hint


def test_corrupt_images_can_be_left_out(root, tmp_path):
    paths = _paths(root)
    (root / "3.png").write_bytes(b"")
    for _ in range(2):  # built, then found
        cached = ImageCache(tmp_path).open(FileSource(root), "f", paths, SIZE, skip_corrupt=True)
        assert cached.corrupt.tolist() == [3]
        assert len(cached.images) == 5


def test_a_long_list_of_corrupt_images_is_cut(tmp_path):
    with pytest.raises(DataError) as caught:
        ImageCache(tmp_path).open(FileSource(tmp_path), "f", [f"{n}.png" for n in range(30)], SIZE)
    assert str(caught.value).splitlines()[-1] == "error[corrupt-image]: 20 more images do not decode"


def _open_elsewhere(root: Path, folder: Path, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    ImageCache(folder).open(_Counting(root), "f", _paths(root), SIZE)


@pytest.mark.slow
def test_processes_that_start_together_build_once(root, tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    others = [context.Process(target=_open_elsewhere, args=(root, tmp_path, barrier)) for _ in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0, 0, 0, 0]
    assert _decoded(root) == 5


class _Dying(FileSource):
    """Ends while images are decoded, as a killed process does."""

    def decode(self, path: str, size: tuple[int, int], interpolation: Interpolation) -> np.ndarray:
        if path.startswith("3"):
            raise KeyboardInterrupt
        return super().decode(path, size, interpolation)


def test_an_interrupted_build_leaves_nothing_to_trip_over(root, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        ImageCache(tmp_path).open(_Dying(root), "f", _paths(root), SIZE)
    assert not list((tmp_path / "images").glob("*.npy"))
    cached = ImageCache(tmp_path).open(_Counting(root), "f", _paths(root), SIZE)
    assert len(cached.images) == 5
    assert not list((tmp_path / "images").glob("*.tmp"))


def test_a_torn_array_is_built_again(root, tmp_path):
    cache = ImageCache(tmp_path)
    whole = cache.open(FileSource(root), "f", _paths(root), SIZE).images.take(np.arange(5))
    (file,) = (tmp_path / "images").glob("*.npy")
    file.write_bytes(file.read_bytes()[:-100])
    assert np.array_equal(cache.open(FileSource(root), "f", _paths(root), SIZE).images.take(np.arange(5)), whole)


def test_lost_notes_are_built_again(root, tmp_path):
    cache = ImageCache(tmp_path)
    cache.open(_Counting(root), "f", _paths(root), SIZE)
    (notes,) = (tmp_path / "images").glob("*.json")
    notes.unlink()
    cache.open(_Counting(root), "f", _paths(root), SIZE)
    assert _decoded(root) == 10


def test_threads_and_progress_change_no_pixel(root, tmp_path):
    heard: list[tuple[int, int]] = []
    one = ImageCache(tmp_path / "one").open(FileSource(root), "f", _paths(root), SIZE).images.pixels
    several = ImageCache(tmp_path / "several", threads=4, progress=lambda done, total: heard.append((done, total)))
    assert np.array_equal(several.open(FileSource(root), "f", _paths(root), SIZE).images.pixels, one)
    assert heard == [(5, 5)]


def test_a_folder_that_cannot_be_written_is_named(root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReidTuneError, match=r"(?s)cannot keep decoded images in .*DATALOADER.CACHE_DIR"):
        ImageCache(tmp_path / "file").open(FileSource(root), "f", _paths(root), SIZE)


def test_the_folder_is_the_argument_or_below_reid_tune_home(monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", "/somewhere")
    assert cache_folder("/mine") == Path("/mine")
    assert cache_folder() == Path("/somewhere/cache")
    monkeypatch.delenv("REID_TUNE_HOME")
    assert cache_folder() == Path.home() / ".reid-tune" / "cache"


def test_a_decompression_bomb_is_a_corrupt_image(tmp_path, monkeypatch):
    Image.new("L", (100, 100)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(CorruptImage, match="decompression bomb"):
        FileSource(tmp_path).decode("large.png", SIZE, Interpolation.BILINEAR)
