"""A checkpoint: everything a run needs to go on as if it had never stopped, in one file.

Random states are not in it: every stream is seeded from (seed, epoch), and checkpoints lie between epochs. One that was
saved within an epoch holds them in `unfinished` (see reid_core.engine.unfinished).
The file is a plain `torch.save` of dicts, tensors and numbers, so that `torch.load(path, weights_only=True)["model"]`
serves anyone; its SHA-256 stands beside it in `<name>.sha256`, as sha256sum writes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import platform
import zipfile
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from reid_core.config import Values
from reid_core.engine import durable
from reid_core.errors import CheckpointError
from reid_core.modeling.weights.torch_file import UNREADABLE, load_plain
from reid_core.results import CheckpointFile, Protocol, TrainedOn

__all__ = ["Checkpoint", "ForeignFile", "State", "load", "save", "sidecar"]

State: TypeAlias = dict[str, Any]
"""What `state_dict()` of a torch object gives: its content is torch's business."""

_FORMAT = 1
_KIND = "reid-tune checkpoint"


class ForeignFile(CheckpointError):
    """A file that is there, and is no checkpoint of ours."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The state after `epoch` finished epochs of a run with `seed` under the configuration `values`.

    `parts` are the state dicts of the loop's other components by name (optimizer, ema …); `identities` is the
    number of classes. `best` is the epoch with the highest mAP so far and that mAP, None before any evaluation.
    `protocol` and the fingerprints `data` and `split` say what it was trained on; a file of an older version has none.
    `names` are those of what the model says (classes, attributes), where measured images are told the same.
    `unfinished` tells how far the epoch after `epoch` was, where the state is of its middle.
    `versions` are those of the program, Python and packages that trained it; `save` notes them for what was trained
    here, not for weights of other tools.
    """

    epoch: int
    seed: int
    identities: int
    values: Values
    metrics: dict[str, float]
    best: tuple[int, float] | None
    model: State
    parts: dict[str, State]
    names: tuple[str, ...] = ()
    protocol: str = ""
    data: str = ""
    split: str = ""
    unfinished: State = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def trained_on(self) -> TrainedOn | None:
        """What it was trained on, None where that is not noted."""
        return TrainedOn(Protocol(self.protocol), self.data, self.split) if self.protocol else None


def save(checkpoint: Checkpoint, path: Path) -> CheckpointFile:
    """Write durably; a failed write leaves what was there. Raises CheckpointError when the disk refuses it."""
    content = {one.name: getattr(checkpoint, one.name) for one in fields(checkpoint)}
    if checkpoint.trained_on and not checkpoint.versions:
        content["versions"] = _versions()
    buffer = io.BytesIO()
    torch.save({"kind": _KIND, "format": _FORMAT} | content, buffer)
    data = buffer.getbuffer()
    digest = hashlib.sha256(data).hexdigest()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        durable.remove(sidecar(path))  # it tells of the old content; without it the file's own checksums count
        durable.write_atomically(path, data)
        durable.write_atomically(sidecar(path), f"{digest}  {path.name}\n".encode())
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {path} ({data.nbytes / 1e6:.1f} MB): {error.strerror or error}",
            hint="make room or give another folder (--out, REID_TUNE_HOME); earlier checkpoints are untouched",
        ) from error
    return CheckpointFile(path, checkpoint.epoch, digest)


def load(path: Path, *, sha256: str = "") -> Checkpoint:
    """Read and verify against `sha256`, else against the file beside it, else against the file's own checksums.

    Raises CheckpointError when it is missing, torn, not a checkpoint, or from a newer version.
    """
    try:
        _verify(path, sha256)
        content = load_plain(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no checkpoint {path}", hint="give the path of an existing .pt file") from error
    except OSError as error:
        raise CheckpointError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    except UNREADABLE as error:
        raise _foreign(path, "it does not load as plain tensors and numbers") from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise _foreign(path, "it is something else that torch saved")
    if content.get("format") != _FORMAT:
        raise CheckpointError(
            f"the checkpoint {path} has format {content.get('format')}, this version reads {_FORMAT}",
            hint="use the version of reid-tune that wrote it",
        )
    try:
        return Checkpoint(**{one.name: content[one.name] for one in fields(Checkpoint) if one.name in content})
    except TypeError as error:
        raise _foreign(path, "parts of it are missing") from error


def sidecar(path: Path) -> Path:
    """Where the SHA-256 of the checkpoint `path` stands."""
    return path.with_name(path.name + ".sha256")


def _versions() -> dict[str, str]:
    """Plain strings: torch's own version is of a class that `weights_only` does not load."""
    found = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}
    with contextlib.suppress(PackageNotFoundError):  # on a Ray worker the program may be shipped, not installed
        found["reid-tune"] = version("reid-tune")
    return found


def _verify(path: Path, sha256: str) -> None:
    expected = sha256 or _recorded(path)
    if expected:
        whole = durable.sha256_of(path) == expected
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            whole = archive.testzip() is None
    else:
        path.stat()
        raise _foreign(path, "it is not a file that torch saved, or its end is missing")
    if not whole:
        raise CheckpointError(
            f"the checkpoint {path} is torn or was changed: its SHA-256 is not the recorded one",
            hint="continue from an earlier checkpoint",
        )


def _recorded(path: Path) -> str:
    try:
        return sidecar(path).read_text("ascii").split()[0]
    except FileNotFoundError:
        return ""
    except (UnicodeDecodeError, IndexError):
        return "unreadable"


def _foreign(path: Path, reason: str) -> ForeignFile:
    return ForeignFile(
        f"{path} is not a checkpoint of reid-tune: {reason}",
        hint="`reid-tune weights convert` makes one of a whole model of FastReID or the Bag of Tricks; "
        "a backbone alone goes into MODEL.BACKBONE.PRETRAIN_PATH of a training",
    )
