"""Checkpoints under a URL that fsspec knows (file, s3, memory ...): put there, verified, fetched, listed, removed.

A name carries its content, `epoch-0007-<12 digits of its SHA-256>.pt`: what a lost worker writes late harms nobody.
Credentials come from the environment only, and are in no message.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from orchestrator.trial.files import copy_whole, digest_of
from orchestrator.trial.protocol import CheckpointRef
from reid_core.data.urls import fault_of, opened
from reid_core.errors import CheckpointError, Finding, InvalidInput, ServerUnreachable

__all__ = ["Stored", "Vault", "check_vault", "is_url", "reachable", "root_of", "told", "vault_of"]

_DIGITS = 12
_STAMPED = re.compile(rf"(.+)-[0-9a-f]{{{_DIGITS}}}(\.[^.]+)?")
_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
"""Stores without folders: making one would make a bucket that nobody asked for."""
_BLOCK = 1 << 24
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is kept under a URL, and its size in bytes."""

    url: str
    bytes: int


def is_url(path: str) -> bool:
    """Whether a checkpoint lies under a URL, not at a path of this machine."""
    return "://" in path


def vault_of(root: str, study: str, trial: int) -> str:
    """Where a trial's checkpoints are kept under a study's URL; empty where the study has none."""
    return f"{root.rstrip('/')}/{study}/{trial:04d}" if root else ""


def root_of(trial: str) -> str:
    """The study's URL, of that of one of its trials."""
    return trial.rsplit("/", 2)[0]


def check_vault(root: str) -> str:
    """The URL, a plain path as file://. Raises InvalidInput: unknown protocol, missing package, credentials in it."""
    if not is_url(root):
        root = Path(root).expanduser().resolve().as_uri()
    parts = urlsplit(root)
    if parts.query or parts.fragment:
        raise _refused("bad-url", "the URL has a query or a fragment", "give protocol, place and folder only")
    if "::" in root:
        raise _refused("bad-url", "chained URLs are not supported", "give protocol, place and folder only")
    fault = fault_of(root)
    if fault is not None:
        raise _refused(fault.code, fault.message, fault.hint)
    return root.rstrip("/")


def _refused(code: str, message: str, hint: str) -> InvalidInput:
    return InvalidInput(Finding(code, message, file="--checkpoints", key="checkpoints", hint=hint))


@cache
def reachable(root: str) -> None:
    """Write, read and remove a small file there. Raises ServerUnreachable; once it went well, it is not tried again."""
    vault = Vault(root)
    try:
        vault.probe()
    except Exception as error:  # each file system has errors of its own
        raise ServerUnreachable(
            f"checkpoints cannot be kept under {root}: {told(error)}",
            hint="check the URL, that it answers, and the credentials in the environment (AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL …)",
        ) from error


def told(error: BaseException) -> str:
    """An error in one line, without the values of secrets that the environment holds."""
    text = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}".removesuffix(": ")
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 4:
            text = text.replace(value, "***")
    return text


class Vault:
    """The files under one URL. Safe to use from several threads.

    `root` is a URL above it (or itself) that is there and has something in it whenever the store is.
    """

    def __init__(self, url: str, root: str = "") -> None:
        self.url = url.rstrip("/")
        self._protocol = urlsplit(url).scheme
        self._files, self._root = opened(self.url)
        self._local = self._protocol in {"file", "local"}
        self._top = Path(opened(root)[1] if root and self._local else self._root)

    def put(self, checkpoint: CheckpointRef) -> CheckpointRef:
        """Copy a local checkpoint here, read it back, and say where it is. What is there already is not sent again.

        Raises CheckpointError when the local file is not what it was; otherwise whatever the file system raises.
        """
        source = Path(checkpoint.path)
        with source.open("rb") as stream:
            if digest_of(stream) != checkpoint.sha256:
                raise CheckpointError(f"the checkpoint {source} is torn or was changed: its SHA-256 is not its own")
        name = f"{source.stem}-{checkpoint.sha256[:_DIGITS]}{source.suffix}"
        target = f"{self._root}/{name}"
        if not self._whole(target, source.stat().st_size, checkpoint.sha256):
            self._send(source, target, checkpoint.sha256)
            if self._digest(target) != checkpoint.sha256:
                self._files.rm_file(target)
                raise OSError(f"{name} is not what was sent there: its SHA-256 is another")
        return CheckpointRef(f"{self.url}/{name}", checkpoint.epoch, checkpoint.sha256)

    def _whole(self, target: str, size: int, sha256: str) -> bool:
        try:
            return bool(self._files.info(target)["size"] == size) and self._digest(target) == sha256
        except FileNotFoundError:
            return False
        except PermissionError:
            if self._protocol not in _BUCKETS:
                raise
            return False  # who may not list a bucket hears this of what is not there

    def _send(self, source: Path, target: str, sha256: str) -> None:
        if self._local:  # a folder shows files while they are written; object stores do not
            with source.open("rb") as stream:
                copy_whole(stream, Path(target), sha256)
            return
        self._in_folder(target, partial(self._files.put_file, str(source), target))

    def _in_folder(self, target: str, send: Callable[[], object]) -> None:
        """Send, once more with the folder made where it was missing."""
        try:
            send()
        except FileNotFoundError:
            if self._protocol in _BUCKETS:
                raise
            self._files.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            send()

    def write(self, name: str, content: bytes) -> None:
        """`content` as the file `name` here, in place of what it was, and read back. Raises as the file system does."""
        target, sha256 = f"{self._root}/{name}", hashlib.sha256(content).hexdigest()
        if self._local:
            copy_whole(BytesIO(content), Path(target), sha256)
        else:
            self._in_folder(target, partial(self._files.pipe_file, target, content))
        if self._digest(target) != sha256:
            raise OSError(f"{name} is not what was sent there: its SHA-256 is another")

    def read(self, url: str, start: int, end: int) -> bytes:
        """The bytes from `start` to `end` of a file. Raises as the file system does."""
        return bytes(self._files.cat_file(self._place(url), start=start, end=end))

    def _digest(self, target: str) -> str:
        with self._files.open(target, "rb", block_size=_BLOCK) as stream:
            return digest_of(stream)

    def fetch(self, checkpoint: CheckpointRef, folder: Path) -> Path:
        """The checkpoint of this URL as a file in `folder`; one that is there with the same hash is taken.

        Raises FileNotFoundError, CheckpointError when its hash is another, or whatever the file system raises.
        """
        name = checkpoint.path.rpartition("/")[2]
        stamped = _STAMPED.fullmatch(name)
        target = folder / (f"{stamped[1]}{stamped[2] or ''}" if stamped else name)
        if target.is_file():
            with target.open("rb") as present:
                if digest_of(present) == checkpoint.sha256:
                    return target
        if self._local and not (self._top.is_dir() and any(self._top.iterdir())):
            raise OSError(f"{self._top} is not there or empty: is it mounted?")
        beside = target.with_name(f"{target.name}.sha256")
        beside.unlink(missing_ok=True)  # it tells of the old content
        with self._opened(checkpoint.path) as stream:
            if not copy_whole(stream, target, checkpoint.sha256):
                message = f"the checkpoint {checkpoint.path} is torn or was changed: its SHA-256 is another"
                raise CheckpointError(message, hint="continue from an earlier checkpoint")
        beside.write_text(f"{checkpoint.sha256}  {target.name}\n", encoding="ascii")
        return target

    def copy(self, url: str, target: Path) -> None:
        """A file of this vault, whose name carries its content, as `target`. Raises as `fetch` does."""
        stamp = PurePosixPath(url).stem.rpartition("-")[2]
        with self._opened(url) as stream:
            if not copy_whole(stream, target, stamp):
                raise CheckpointError(f"{url} is torn or was changed: its SHA-256 is another")

    def _opened(self, url: str) -> Any:
        """A file to read. FileNotFoundError also where a bucket that works calls what is missing forbidden."""
        try:
            return self._files.open(self._place(url), "rb", block_size=_BLOCK)
        except PermissionError as error:
            if self._protocol not in _BUCKETS or not self._works():
                raise
            raise FileNotFoundError(f"{url} is not there, or forbidden in a bucket that is not") from error

    def _works(self) -> bool:
        try:
            self.probe()
        except Exception:  # noqa: BLE001 - each file system has errors of its own
            return False
        return True

    def files(self) -> list[Stored]:
        """Every file here and below, by name; none where the folder is missing."""
        try:
            found = self._files.find(self._root, detail=True)
        except FileNotFoundError:
            return []
        root = self._root.rstrip("/")
        named = ((str(path), int(info["size"] or 0)) for path, info in found.items())
        return [Stored(f"{self.url}{path[len(root) :]}", size) for path, size in sorted(named)]

    def remove(self, url: str) -> None:
        """Delete one file; nothing happens where it is gone."""
        try:
            self._files.rm_file(self._place(url))
        except FileNotFoundError:
            return

    def _place(self, url: str) -> str:
        """A URL of this vault as its file system names it."""
        return f"{self._root}{url.removeprefix(self.url)}"

    def probe(self) -> None:
        """Write, read back and remove a small file."""
        name, content = f"{self._root}/.probe-{secrets.token_hex(8)}", secrets.token_bytes(32)
        if self._local:
            Path(self._root).mkdir(parents=True, exist_ok=True)
        elif self._protocol not in _BUCKETS:
            self._files.makedirs(self._root, exist_ok=True)
        self._files.pipe_file(name, content)
        try:
            if self._files.cat_file(name) != content:
                raise OSError("what was written there reads back as something else")
        finally:
            self._files.rm_file(name)
