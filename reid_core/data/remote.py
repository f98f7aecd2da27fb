"""Data that lie under a URL (s3, https, file ...) or in an archive: one copy a node, made once.

The copy lies under `data` in the cache folder, in a folder named after the URL and what is there now. It is made
beside it and renamed, under a file lock: who comes second waits and takes it, who dies leaves nothing to trip over.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from reid_core.data.cache import cache_folder
from reid_core.data.urls import fault_of, opened
from reid_core.data.waiting import in_threads, locked
from reid_core.errors import DataError, Finding, ServerUnreachable

__all__ = ["copy_note", "data_root", "full_name", "is_remote"]

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_SIDE_BY_SIDE = 8
_LOG = logging.getLogger(__name__)


def is_remote(root: str) -> bool:
    """Whether DATASETS.ROOT is a URL or an archive, of which this machine needs a copy."""
    return "://" in root or root.lower().endswith(_ARCHIVES)


def full_name(root: str) -> str:
    """A folder or archive by its absolute path, a URL as it is."""
    return root if "://" in root else str(Path(root).expanduser().resolve())


def data_root(root: str) -> Path:
    """The folder of images that DATASETS.ROOT means; of a URL or an archive the copy on this machine.

    Raises DataError: credentials in the URL, an unknown protocol, a missing package, nothing there, no room;
    ServerUnreachable when it does not answer and no earlier copy is here, or stops answering.
    """
    path = Path(root).expanduser()
    if not is_remote(root) or path.is_dir():
        return path
    return _copy_of(root if "://" in root else path.resolve().as_uri(), cache_folder() / "data")


def copy_note(root: str) -> str:
    """Where the copy of a URL or an archive lies and what it takes, in a sentence; empty for a folder."""
    if not is_remote(root) or Path(root).expanduser().is_dir():
        return ""
    place = data_root(root)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return f"{root} is copied once to each node that needs it: {size / 1e6:.1f} MB, here in {place}"


@cache
def _copy_of(url: str, folder: Path) -> Path:
    fault = fault_of(url)
    if fault is not None:
        shown = "" if fault.code == "credentials" else url
        raise _refused(fault.code, fault.message, url=shown, hint=fault.hint)
    place = folder / hashlib.sha256(url.encode()).hexdigest()[:16]
    try:
        place.mkdir(parents=True, exist_ok=True)
        with locked(place.with_suffix(".lock")):
            return _inside(_made(url, place))
    except OSError as error:
        message = f"the data cannot be copied to {place}: {error}"
        raise _refused("data-copy", message, url=url, hint="make room there, or name another REID_TUNE_HOME") from error


def _made(url: str, place: Path) -> Path:
    """The copy of what is under the URL now; the newest earlier one while that cannot be asked."""
    try:
        files, root = opened(url)
        root = root.rstrip("/")
        listed = _listed(files, root)
    except DataError:
        raise
    except Exception as error:
        earlier = sorted(
            (one for one in place.iterdir() if one.name.startswith("v-")), key=lambda one: one.stat().st_mtime
        )
        if earlier and not isinstance(error, FileNotFoundError):
            _LOG.warning("%s does not answer (%s): its last copy is used", url, type(error).__name__)
            return earlier[-1]
        if isinstance(error, FileNotFoundError):
            raise _refused("missing-folder", "there are no data", url=url, hint="check --data") from error
        message = f"the data under {url} cannot be read: {type(error).__name__}: {error}"
        hint = "check the network, and the credentials in the environment"
        raise ServerUnreachable(message, hint=hint) from error
    stamp = hashlib.sha256(json.dumps(listed, sort_keys=True, default=str).encode()).hexdigest()[:16]
    target = place / f"v-{stamp}"
    if not target.is_dir():
        _build(files, root, {name: int(size or 0) for name, (size, _) in listed.items()}, target, url)
    return target


def _listed(files: Any, root: str) -> dict[str, tuple[int | None, str]]:
    """Every file by its path below `root` (an archive by its own name): its size, and what tells that it changed."""
    if root.lower().endswith(_ARCHIVES):
        return {PurePosixPath(root).name: _mark(files.info(root))}
    found = {name[len(root) :].lstrip("/"): _mark(info) for name, info in files.find(root, detail=True).items()}
    if not found:
        raise FileNotFoundError(root)
    return found


def _mark(info: dict[str, Any]) -> tuple[int | None, str]:
    changed = next((info[key] for key in ("ETag", "etag", "mtime", "LastModified", "created") if info.get(key)), "")
    return info.get("size"), str(changed)


def _build(files: Any, root: str, sizes: dict[str, int], target: Path, url: str) -> None:
    for left_over in target.parent.glob("*.tmp"):
        shutil.rmtree(left_over, ignore_errors=True)
    need, free = sum(sizes.values()), shutil.disk_usage(target.parent).free
    _LOG.info("copying %s (%.1f MB) to %s", url, need / 1e6, target)
    if need > free:
        message = f"the data take {need / 1e9:.1f} GB, and {target.parent} has {free / 1e9:.1f} GB left"
        raise _refused("no-room", message, url=url, hint="make room there, or name another REID_TUNE_HOME")
    beside = Path(tempfile.mkdtemp(prefix="copy-", suffix=".tmp", dir=target.parent))
    try:
        _fetch(files, root, sizes, beside)
        for archive in beside.iterdir() if root.lower().endswith(_ARCHIVES) else ():
            in_threads(lambda one: _unpack(one, url), [archive], threads=1, name="reid-unpack")
        beside.chmod(0o755)
        _flush(beside)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _fetch(files: Any, root: str, sizes: dict[str, int], folder: Path) -> None:
    """Copy every file. Raises ServerUnreachable when one does not come or not wholly; OSError for a full disk.

    Signs of life come as long as bytes do.
    """
    alone = root.lower().endswith(_ARCHIVES)
    coming: dict[Path, None] = {}
    came: list[str] = []

    def fetch(name: str) -> None:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise OSError(f"{name} lies outside of the data")
        path.parent.mkdir(parents=True, exist_ok=True)
        coming[path] = None
        try:
            files.get_file(root if alone else f"{root}/{name}", str(path))
        except Exception as error:
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise _broken_off(f"{name} cannot be copied: {type(error).__name__}: {error}") from error
        if sizes[name] and path.stat().st_size != sizes[name]:
            raise _broken_off(f"{name} came with {path.stat().st_size} of {sizes[name]} bytes")
        del coming[path]
        came.append(name)

    def progress() -> tuple[int, int]:
        return len(came), sum(_size(path) for path in list(coming))

    in_threads(fetch, sizes, threads=_SIDE_BY_SIDE, name="reid-fetch", progress=progress)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _broken_off(message: str) -> ServerUnreachable:
    return ServerUnreachable(f"copying the data broke off: {message}", hint="check the network")


def _flush(folder: Path) -> None:
    """Everything below is on the disk when this returns."""

    def flush(path: Path) -> None:
        with path.open("rb") as file:
            os.fsync(file.fileno())

    in_threads(flush, (path for path in folder.rglob("*") if path.is_file()), threads=_SIDE_BY_SIDE, name="reid-flush")


def _unpack(archive: Path, url: str) -> None:
    """Put the archive's files where it lies; names that lead elsewhere are refused."""
    try:
        if archive.suffix.lower() == ".zip":
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(archive.parent)  # noqa: S202 - zipfile takes no name that leads out
        else:
            with tarfile.open(archive) as packed_tar:
                packed_tar.extractall(archive.parent, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise _refused(
            "bad-archive", f"the archive cannot be unpacked: {error}", url=url, hint="pack it again"
        ) from error
    archive.unlink()


def _inside(folder: Path) -> Path:
    """The folder of the images: the only one in an archive that was packed with its folder."""
    entries = [one for one in folder.iterdir() if not one.name.startswith((".", "__MACOSX"))]
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _refused(code: str, message: str, *, url: str, hint: str) -> DataError:
    return DataError(Finding(code, message, file=url or "--data", hint=hint, key="DATASETS.ROOT"))
