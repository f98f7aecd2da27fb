"""Runs a segment of any trial with checkpoints that last: found whole at its start, kept in a vault until its end."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.trial import unfinished
from orchestrator.trial.files import digest_of, disk_is_full, keep_only
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import (
    Beginning,
    Best,
    CheckpointRef,
    Completed,
    Failed,
    Outcome,
    Paused,
    SegmentContext,
    SegmentSpec,
    Trial,
)
from orchestrator.trial.upload import SPARES, Uploads
from orchestrator.trial.vault import Vault, is_url, root_of, told
from reid_core.errors import CheckpointError

__all__ = ["PATIENCE", "run_lasting"]

PATIENCE = "REID_TUNE_UPLOAD_WAIT"
"""Environment: seconds that the end (or beginning) of a segment waits for a store that does not answer."""
_PATIENCE, _IN_A_HURRY = 3600.0, 60.0
_PAUSE = 5.0


class _NoStore(Exception):
    """The store of checkpoints did not answer for as long as this segment may wait."""


def run_lasting(trial: Trial, spec: SegmentSpec, context: SegmentContext) -> Outcome:
    """Run the segment from the newest checkpoint that is whole; with a vault, it ends once its last one is kept there.

    A checkpoint that is torn or gone costs the epochs since the one before it. Raises OSError that is not a full disk.
    """
    try:
        begun = _begun(spec, context)
        if begun is None:
            message = f"no checkpoint of trial {spec.trial} that it could go on from is whole"
            return Failed(FailureKind.DATA, message, retryable=True)
        begins, came_from = begun
        if not spec.vault:
            return trial.run(begins, context)
        return _kept(trial, begins, came_from, context)
    except _NoStore as error:
        return Failed(FailureKind.DATA, str(error), retryable=True)
    except OSError as error:
        if disk_is_full(error):
            return Failed(FailureKind.NODE, f"the disk of this node is full: {error}", retryable=True)
        raise


def _patience() -> float:
    try:
        return float(os.environ.get(PATIENCE, ""))
    except ValueError:
        return _PATIENCE


def _begun(spec: SegmentSpec, context: SegmentContext) -> tuple[SegmentSpec, CheckpointRef | None] | None:
    """The segment with a checkpoint that is whole and lies here, and where it came from; None: there is none."""
    wanted = Beginning(spec.checkpoint, forked=spec.forked)
    for beginning in (wanted, *(spec.instead if spec.checkpoint is not None else ())):
        start = beginning.checkpoint
        if start is None:
            if spec.checkpoint is not None:
                context.log("no checkpoint of this trial is whole: it begins anew")
            first = 0 if spec.checkpoint else spec.from_epoch
            return replace(spec, checkpoint=None, forked=False, from_epoch=first), None
        try:
            path = _fetched(start, beginning, spec, context) if is_url(start.path) else _whole(start)
        except (FileNotFoundError, CheckpointError) as error:
            context.log(f"{told(error)}; trying the checkpoint before it")
            continue
        if start is spec.checkpoint and not is_url(start.path):
            return spec, start
        here = CheckpointRef(str(path), start.epoch, start.sha256)
        return replace(spec, checkpoint=here, forked=beginning.forked, from_epoch=start.epoch), start
    return None


def _whole(start: CheckpointRef) -> Path:
    path = Path(start.path)
    if start.sha256:
        with path.open("rb") as stream:
            if digest_of(stream) != start.sha256:
                raise CheckpointError(f"the checkpoint {path} is torn or was changed: its SHA-256 is another")
    return path


def _fetched(start: CheckpointRef, beginning: Beginning, spec: SegmentSpec, context: SegmentContext) -> Path:
    """The checkpoint from its vault. Raises FileNotFoundError, CheckpointError, _NoStore; OSError for a full disk."""
    folder = Path(spec.directory) / ("parent" if beginning.forked else ".")
    end = time.monotonic() + _patience()
    while True:
        try:
            url = start.path.rpartition("/")[0]
            return Vault(url, root_of(url)).fetch(start, folder)
        except (FileNotFoundError, CheckpointError):
            raise
        except Exception as error:
            if disk_is_full(error):
                raise
            left = end - time.monotonic()
            if left <= 0 or context.should_stop():
                raise _NoStore(f"the checkpoint of epoch {start.epoch} cannot be fetched: {told(error)}") from error
            context.log(f"the checkpoint of epoch {start.epoch} cannot be fetched yet: {told(error)}")
            time.sleep(min(_PAUSE, left))


class _Passing:
    """SegmentContext that sends checkpoints to the vault; what arrived there is saved before the next report."""

    def __init__(self, context: SegmentContext, uploads: Uploads, best: Best | None) -> None:
        self._context, self._uploads, self._best = context, uploads, best
        self.newest: CheckpointRef | None = None

    def report(self, epoch: int, metrics: Mapping[str, float]) -> None:
        better = self._best.after(metrics) if self._best is not None else None
        if better is not None:
            self._best = better
            self._uploads.hold(epoch)
        self.tell()
        self._context.report(epoch, metrics)

    def save(self, checkpoint: CheckpointRef) -> None:
        self.newest = checkpoint
        self._uploads.put(checkpoint)
        self.tell()

    def should_stop(self) -> bool:
        self.tell()
        return self._context.should_stop()

    def should_leave(self) -> bool:
        return self._context.should_leave()

    def log(self, line: str) -> None:
        self._context.log(line)

    def tell(self) -> None:
        """Pass on what the uploading thread did: the way to the controller belongs to this thread."""
        there, lines = self._uploads.news()
        for line in lines:
            self._context.log(line)
        for checkpoint in there:
            self._context.save(checkpoint)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _kept(trial: Trial, spec: SegmentSpec, came_from: CheckpointRef | None, context: SegmentContext) -> Outcome:
    """Run the segment, whose checkpoint came from there, and wait for what is on its way to the vault."""
    vault, folder = Vault(spec.vault), Path(spec.directory)
    uploads = Uploads(vault, spec.keep)
    passing = _Passing(context, uploads, spec.best)
    try:
        unfinished.fetch(vault, folder, context)
        outcome = _ended(trial.run(spec, passing), spec, came_from, passing, uploads)
    except Exception:
        if passing.newest is not None:  # the next attempt begins with what is there by then
            uploads.wait(passing.newest, _hurried)
        raise
    else:
        if isinstance(outcome, Completed | Paused):
            unfinished.settle(vault, folder, context)
        return outcome
    finally:
        passing.tell()
        uploads.close()
        for name in ("parent", SPARES):
            shutil.rmtree(folder / name, ignore_errors=True)


def _ended(
    outcome: Outcome, spec: SegmentSpec, came_from: CheckpointRef | None, passing: _Passing, uploads: Uploads
) -> Outcome:
    """The outcome once the last checkpoint is durable, with the place where it is kept."""
    match outcome:
        case Completed(checkpoint=last) | Paused(checkpoint=CheckpointRef() as last):
            pass
        case Failed(retryable=True) if passing.newest is not None:
            uploads.wait(passing.newest, _hurried)  # as above
            return outcome
        case _:
            return outcome
    if last == spec.checkpoint:  # it was stopped before its first epoch, or there was nothing left to train
        return replace(outcome, checkpoint=came_from or last)
    if last != passing.newest:
        uploads.put(last)
    kept = uploads.wait(last, _seconds(passing))
    passing.tell()
    if kept is not None:
        with suppress(OSError):
            keep_only(Path(last.path))
        return replace(outcome, checkpoint=kept)
    if isinstance(outcome, Paused):
        passing.log(f"paused before the checkpoint of epoch {last.epoch} was uploaded: these epochs run again")
        return Paused(None)
    message = f"the checkpoint of epoch {last.epoch} could not be uploaded to {spec.vault}; the trial's log says why"
    return Failed(FailureKind.DATA, message, retryable=True)


def _hurried() -> float:
    return min(_IN_A_HURRY, _patience())


def _seconds(passing: _Passing) -> Callable[[], float]:
    """How long to wait for an upload: an hour, a minute from when somebody asks to stop."""
    began, hurried = time.monotonic(), [0.0]

    def seconds() -> float:
        passing.tell()
        if passing.should_stop():
            hurried[0] = hurried[0] or time.monotonic() - began + _IN_A_HURRY
            return min(hurried[0], _patience())
        return _patience()

    return seconds
