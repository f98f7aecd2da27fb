"""The middle of an epoch in a trial's vault: there for the next segment, wherever that runs, and removed after it.

Without it the epoch is trained anew, so nothing here fails a segment: what goes wrong is a line in the trial's log.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from orchestrator.trial.files import digest_of
from orchestrator.trial.protocol import CheckpointRef, SegmentContext
from orchestrator.trial.vault import Stored, Vault, told
from reid_core.results import UNFINISHED

__all__ = ["fetch", "settle"]


def fetch(vault: Vault, directory: Path, context: SegmentContext) -> None:
    """Bring it from the vault, unless it lies here already."""
    target = directory / UNFINISHED
    try:
        kept = [] if target.is_file() else _kept(vault)
        if kept:
            target.with_name(f"{UNFINISHED}.sha256").unlink(missing_ok=True)  # it tells of an old one
            vault.copy(kept[-1].url, target)
    except Exception as error:  # noqa: BLE001 - each file system has errors of its own
        context.log(f"the unfinished epoch cannot be fetched, it is trained anew: {told(error)}")


def settle(vault: Vault, directory: Path, context: SegmentContext) -> None:
    """Keep what the segment left unfinished, and nothing that an earlier one did."""
    local, here = directory / UNFINISHED, ""
    try:
        if local.is_file():
            with local.open("rb") as stream:
                digest = digest_of(stream)
            here = vault.put(CheckpointRef(str(local), 0, digest)).path
        for old in _kept(vault):
            if old.url != here:
                vault.remove(old.url)
    except Exception as error:  # noqa: BLE001 - as above
        context.log(f"the unfinished epoch cannot be kept, it may be trained anew: {told(error)}")


def _kept(vault: Vault) -> list[Stored]:
    stem = PurePosixPath(UNFINISHED).stem
    return [one for one in vault.files() if one.url.rpartition("/")[2].startswith(f"{stem}-")]
