"""Images under a URL or in an archive: one copy a node, made once, whole or not at all."""

import shutil
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image
from trials.store_server import s3_server

from reid_core import api
from reid_core.config import load_config
from reid_core.data import remote, waiting
from reid_core.data.remote import data_root, full_name, is_remote
from reid_core.errors import DataError, ServerUnreachable
from reid_core.signs import heard_by


@pytest.fixture(autouse=True)
def forgotten(home):
    """Each test is a process of its own, with a home of its own."""
    remote._copy_of.cache_clear()
    yield
    remote._copy_of.cache_clear()


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "cows"
    for identity in range(8):
        for camera in (1, 2):
            for part in ("bounding_box_train", "query", "bounding_box_test"):
                number = identity if part == "bounding_box_train" else identity + 100
                path = folder / part / f"{number:04d}_c{camera}s1_{identity:06d}_00.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 16), (identity * 9, camera * 9, 0)).save(path)
    return folder


def described(root: str) -> str:
    config = load_config("bnneck", [("DATASETS.ROOT", root)]).config
    return api.describe_data(config).fingerprint


def packed(images: Path, name: str) -> Path:
    target = images.parent / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(target, "w") as archive:
            for path in sorted(images.rglob("*.jpg")):
                archive.write(path, path.relative_to(images.parent))
    else:
        with tarfile.open(target, "w:gz") as archive:
            archive.add(images, images.name)
    return target


@pytest.mark.slow
def test_a_folder_and_archives_are_the_same_data_as_their_copy(images):
    expected = described(str(images))
    assert described(images.as_uri()) == expected
    for name in ("cows.zip", "cows.tar.gz"):
        archive = packed(images, name)
        assert described(str(archive)) == expected
        assert described(archive.as_uri()) == expected


@pytest.mark.slow
def test_s3_is_copied_once_and_the_copy_serves_while_the_store_is_down(images, home, monkeypatch):
    import boto3

    expected = described(str(images))
    with s3_server(monkeypatch) as server:
        client = boto3.client("s3")
        for path in images.rglob("*.jpg"):
            client.upload_file(str(path), "lab", f"data/{path.relative_to(images).as_posix()}")
        assert described("s3://lab/data") == expected
        server.down()
        remote._copy_of.cache_clear()  # as another process of this node
        assert described("s3://lab/data") == expected
        with pytest.raises(ServerUnreachable, match="cannot be read"):
            data_root("s3://lab/other")
    assert len(list((home / "cache" / "data").glob("*/v-*"))) == 1


@pytest.mark.slow
def test_many_ask_at_once_and_one_copies(images, monkeypatch):
    made, at_once = [], threading.Barrier(6)
    build = remote._build

    def counted(*arguments):
        made.append(arguments)
        build(*arguments)

    def ask(_: int) -> Path:
        at_once.wait(timeout=30)
        return remote._copy_of.__wrapped__(images.as_uri(), remote.cache_folder() / "data")

    monkeypatch.setattr(remote, "_build", counted)
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(ask, range(6)))
    assert len(found) == len(made) == 1


@pytest.mark.slow
def test_a_copy_that_broke_off_leaves_nothing_to_trip_over(images, home, monkeypatch):
    url = images.as_uri()

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(remote.os, "fsync", broken)
        with pytest.raises(DataError, match="No space left on device"):
            data_root(url)
    (place,) = (home / "cache" / "data").glob("*/")
    assert list(place.iterdir()) == []
    (place / "copy-of-a-killed-process.tmp").mkdir()
    assert data_root(url).is_dir()
    assert [one.suffix for one in place.iterdir()] == [""]


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset by peer"), TimeoutError("timed out"), ValueError("bad chunk"), None]
)
def test_a_network_that_breaks_off_a_copy_is_told_as_such(images, monkeypatch, error):
    from fsspec.implementations.local import LocalFileSystem

    def broken(_, source, target):
        Path(target).write_bytes(b"short")
        if error is not None:
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(LocalFileSystem, "get_file", broken)
        with pytest.raises(ServerUnreachable, match="broke off"):
            data_root(images.as_uri())
    assert data_root(images.as_uri()).is_dir()


def test_a_long_copy_gives_signs_of_life_while_bytes_come(images, monkeypatch):
    from fsspec.implementations.local import LocalFileSystem

    heard, copy = threading.Semaphore(0), LocalFileSystem.get_file
    monkeypatch.setattr(waiting, "_SIGN_SECONDS", 0.01)

    def slow(self, source, target):
        while not heard.acquire(timeout=0.001):
            with Path(target).open("ab") as file:
                file.write(b"x")
        copy(self, source, target)

    monkeypatch.setattr(LocalFileSystem, "get_file", slow)
    for path in sorted(images.rglob("*.jpg"))[1:]:
        path.unlink()
    with heard_by(heard.release):
        assert data_root(images.as_uri()).is_dir()


def test_who_waits_for_anothers_copy_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "_SIGN_SECONDS", 0.01)
    holder = FileLock(tmp_path / "lock")
    holder.acquire()
    with heard_by(holder.release), waiting.locked(tmp_path / "lock"):
        assert not holder.is_locked


def test_a_copy_of_which_nothing_comes_gives_no_sign_of_life(monkeypatch):
    monkeypatch.setattr(waiting, "_SIGN_SECONDS", 0.01)
    looks, heard, over = [], [], threading.Event()

    def same():
        looks.append(1)
        if len(looks) > 5:
            over.set()
        return 7

    with heard_by(lambda: heard.append(1)):
        waiting.in_threads(lambda _: over.wait(30), [1], threads=1, name="stuck", progress=same)
    assert len(heard) == 1


@pytest.mark.slow
def test_changed_data_are_copied_again(images):
    first = data_root(images.as_uri())
    next(images.rglob("*.jpg")).unlink()
    remote._copy_of.cache_clear()
    assert data_root(images.as_uri()) != first


def test_data_that_do_not_fit_are_refused_before_they_are_copied(images, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 10))
    with pytest.raises(DataError, match="GB left"):
        data_root(images.as_uri())


@pytest.mark.parametrize(
    ("root", "code"),
    [
        ("s3://key:secret@host/data", "credentials"),
        ("nowhere://data", "unknown-protocol"),
        ("file:///no/such/folder", "missing-folder"),
    ],
)
def test_what_cannot_be_data_is_refused(root, code):
    with pytest.raises(DataError) as refused:
        data_root(root)
    assert refused.value.findings[0].code == code
    assert "secret" not in str(refused.value)


def test_an_archive_writes_nowhere_else(tmp_path):
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as archive:
        (tmp_path / "x.jpg").write_bytes(b"x")
        archive.add(tmp_path / "x.jpg", "../../out.jpg")
    with pytest.raises(DataError, match="cannot be unpacked"):
        data_root(str(evil))


def test_a_torn_archive_is_refused(tmp_path):
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match="cannot be unpacked"):
        data_root(str(tmp_path / "torn.zip"))


def test_folders_are_what_they_were(tmp_path):
    assert data_root(str(tmp_path)) == tmp_path
    assert not is_remote("synthetic")
    assert full_name("s3://lab/data") == "s3://lab/data"
    (tmp_path / "a.zip").mkdir()  # a folder of a strange name is a folder
    assert data_root(str(tmp_path / "a.zip")) == tmp_path / "a.zip"
