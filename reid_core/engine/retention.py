"""The checkpoints of one run in its folder: their names, which of them stay, and the newest that is whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

from reid_core.engine import checkpoint, durable
from reid_core.errors import CheckpointError
from reid_core.results import CheckpointFile

__all__ = ["checkpoints", "latest", "path_of", "prune"]

_NAME = re.compile(r"epoch-(\d+)\.pt")


def path_of(directory: Path, epoch: int) -> Path:
    """Where the checkpoint after `epoch` lies."""
    return directory / f"epoch-{epoch:04d}.pt"


def checkpoints(directory: Path) -> dict[int, Path]:
    """Epoch -> checkpoint, ascending; empty when there is no such folder."""
    found = ((_NAME.fullmatch(path.name), path) for path in directory.glob("epoch-*.pt"))
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def latest(directory: Path, *, log: Callable[[str], None]) -> CheckpointFile | None:
    """Find the newest checkpoint that is whole; says through `log` which were not. None when there is none."""
    for epoch, path in reversed(checkpoints(directory).items()):
        try:
            checkpoint.load(path)
        except CheckpointError as error:
            log(f"{error.message}; trying the one before")
        else:
            return CheckpointFile(path, epoch, durable.sha256_of(path))
    return None


def prune(directory: Path, *, keep: Collection[int], keep_last: int = 2, now: int | None = None) -> None:
    """Delete all but the newest `keep_last` checkpoints and the epochs in `keep`.

    Two stay so that a torn newest one costs one epoch, not the run. Those after the epoch `now` are of an earlier
    training in the same folder: they neither count nor are deleted.
    """
    found = {epoch: path for epoch, path in checkpoints(directory).items() if now is None or epoch <= now}
    for epoch in list(found)[: -keep_last or None]:
        if epoch not in keep:
            durable.remove(checkpoint.sidecar(found[epoch]))
            durable.remove(found[epoch])
