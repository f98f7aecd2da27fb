"""The checkpoints of a study: what is there, why, and the removal of what its policy does not keep."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.control.checkpoints import kept, named, needed_epochs
from orchestrator.events import Asked, Checkpoint, CommandGiven, CommandKind, Keep, StudyState, TrialState, TrialStatus
from orchestrator.service.asking import ask
from orchestrator.service.service import Service
from orchestrator.trial.kept_logs import FOLDER
from orchestrator.trial.vault import Stored, Vault, is_url, told
from reid_core.errors import NotFound, ServerUnreachable

__all__ = ["CheckpointRow", "Checkpoints", "Pruned", "Why", "checkpoints_of", "prune", "trial_checkpoints"]


class Why(StrEnum):
    """Why a checkpoint stays or goes. RUNNING: its trial is to go on, and its files are its own business."""

    NEWEST = "newest"
    BEST = "best"
    RUNG = "rung"
    NEEDED = "needed"
    PINNED = "pinned"
    KEPT = "kept"
    RUNNING = "running"
    SUPERSEDED = "superseded"
    ORPHAN = "orphan"
    LOST = "lost"


_GOES = frozenset({Why.SUPERSEDED, Why.ORPHAN})


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckpointRow(_View):
    """A checkpoint file, and why it stays or goes. An orphan is one that no event names; LOST ones are not there."""

    trial: int
    epoch: int | None = Field(description="None where no event says it")
    path: str
    bytes: int
    why: Why
    stays: bool
    sha256: str = Field("", description="of the file, where an event says it")


class Checkpoints(_View):
    """The checkpoints of a study, by trial and epoch."""

    study: str
    keep: Keep
    place: str = Field(description="the URL or the folder that they are in")
    rows: tuple[CheckpointRow, ...]

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(row.bytes for row in self.rows)


class Pruned(_View):
    """What was removed (or would be), and what could not be, in words."""

    study: str
    keep: Keep
    removed: tuple[CheckpointRow, ...]
    failed: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def bytes(self) -> int:
        """Of what was removed."""
        return sum(row.bytes for row in self.removed)


def checkpoints_of(service: Service, study: str, keep: Keep | None = None) -> Checkpoints:
    """What is there, judged by the study's policy or by `keep`. Raises NotFound, ServerUnreachable."""
    row = service.store.find(study)
    created = service.state(row.id).created
    if created is None:
        raise NotFound(f"study {row.name} has no creation event")
    folder = service.home.study(row.id) / "trials"
    place = f"{created.checkpoints}/{row.id}" if created.checkpoints else str(folder)
    files = _remote(place) if created.checkpoints else _local(folder, service.state(row.id))
    state = service.state(row.id)  # again: what was saved while the files were listed is named now
    rule = keep or state.keep
    return Checkpoints(study=row.name, keep=rule, place=place, rows=tuple(_rows(state, files, rule)))


def trial_checkpoints(service: Service, study: str, trial: int) -> tuple[CheckpointRow, ...]:
    """Those of one trial. Under a URL they are not listed, which may take long: their sizes are 0. Raises NotFound."""
    row = service.store.find(study)
    state = service.state(row.id)
    if state.created is None or trial not in state.trials:
        raise NotFound(f"study {row.name} has no trial {trial}")
    folder = service.home.study(row.id) / "trials"
    stored = [Stored(path, 0) for path in named(state.trials[trial]) if is_url(path)]
    files = stored if state.created.checkpoints else _local(folder, state, f"{trial:04d}")
    return tuple(one for one in _rows(state, files, state.keep) if one.trial == trial)


def prune(service: Service, study: str, *, keep: Keep | None = None, by: str = "", dry_run: bool = False) -> Pruned:
    """Remove what the policy does not keep, and what no event names; with `keep`, that is the policy from now on.

    Trials that run or are to go on are left alone. A file that cannot be removed is told and left.
    """
    found = checkpoints_of(service, study, keep)
    row = service.store.find(study)
    if keep is not None and not dry_run and service.state(row.id).keep is not keep:
        ask(service.store, row.id, CommandGiven(command=CommandKind.KEEP, by=by, asked=Asked(keep=keep)), time.time())
    going = [one for one in found.rows if not one.stays]
    if dry_run:
        return Pruned(study=found.study, keep=found.keep, removed=tuple(going), dry_run=True)
    vault = Vault(found.place) if going and is_url(found.place) else None
    removed: list[CheckpointRow] = []
    failed: list[str] = []
    for one in going:
        try:
            _remove(one.path, vault)
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            failed.append(f"{one.path}: {told(error)}")
        else:
            removed.append(one)
    return Pruned(study=found.study, keep=found.keep, removed=tuple(removed), failed=tuple(failed))


def _remove(path: str, vault: Vault | None) -> None:
    if vault is not None:
        vault.remove(path)
        return
    Path(path).unlink(missing_ok=True)
    Path(f"{path}.sha256").unlink(missing_ok=True)


def _remote(place: str) -> list[Stored]:
    """Every file of a study's URL but its trials' logs, which no policy removes."""
    try:
        return [one for one in Vault(place).files() if not one.url.startswith(f"{place}/{FOLDER}/")]
    except Exception as error:  # each file system has errors of its own
        message = f"the checkpoints under {place} cannot be listed: {told(error)}"
        raise ServerUnreachable(message, hint="check the network, and the credentials in the environment") from error


def _local(folder: Path, state: StudyState, trials: str = "[0-9]*") -> list[Stored]:
    """Files of the trials' folders that are of the checkpoints' kind."""
    kinds = {Path(trial.checkpoint.path).suffix for trial in state.trials.values() if trial.checkpoint} or {".pt"}
    files = (path for path in sorted(folder.glob(f"{trials}/*")) if path.suffix in kinds and path.is_file())
    return [Stored(str(path), path.stat().st_size) for path in files]


@dataclass(frozen=True, slots=True)
class _Judge:
    """Judges the files of one trial."""

    trial: TrialState
    keep: Keep
    needed: frozenset[int]
    running: bool

    def why(self, path: str) -> Why:
        trial = self.trial
        found = named(trial).get(path)
        if self.running or trial.status in {TrialStatus.WAITING, TrialStatus.RUNNING}:
            return Why.RUNNING
        if found is None:
            return Why.KEPT if trial.pinned or self.keep is Keep.ALL else Why.ORPHAN
        stay = kept(trial, self.keep, self.needed)
        if stay is not None and path not in stay:
            return Why.SUPERSEDED
        return self._kept_as(found)

    def _kept_as(self, found: Checkpoint) -> Why:
        trial = self.trial
        if found == trial.checkpoint:
            return Why.NEWEST
        if trial.pinned:
            return Why.PINNED
        if found.epoch in self.needed:
            return Why.NEEDED
        if found == trial.best_checkpoint:
            return Why.BEST
        return Why.RUNG if found.epoch in trial.rung_checkpoints else Why.KEPT


def _rows(state: StudyState, files: list[Stored], keep: Keep) -> Iterator[CheckpointRow]:
    needed = needed_epochs(state)
    present = {file.url for file in files}
    running = {run.trial for run in state.running.values()}  # one that was stopped may still finish its epoch
    rows = []
    for file in files:
        number = _trial_of(file.url)
        trial = state.trials.get(number)
        epoch, digest = None, ""
        why = Why.ORPHAN
        if trial is not None:
            found = named(trial).get(file.url)
            epoch, digest = (None, "") if found is None else (found.epoch, found.sha256)
            judge = _Judge(trial, keep, frozenset(needed.get(number, ())), number in running)
            why = judge.why(file.url)
        stays = why not in _GOES
        rows.append(
            CheckpointRow(
                trial=number, epoch=epoch, path=file.url, bytes=file.bytes, why=why, stays=stays, sha256=digest
            )
        )
    for trial in state.trials.values():
        newest = trial.checkpoint
        if newest is not None and newest.path not in present:
            lost = CheckpointRow(
                trial=trial.id, epoch=newest.epoch, path=newest.path, bytes=0, why=Why.LOST, stays=True
            )
            rows.append(lost)
    return iter(sorted(rows, key=lambda row: (row.trial, row.epoch or 0, row.path)))


def _trial_of(path: str) -> int:
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return int(folder) if folder.isdecimal() else 0
