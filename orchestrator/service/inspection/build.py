"""Inspections of trials and of the retrained winner: built once beside them in a process of their own, then read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.service.inspection.record import Record, Records
from orchestrator.service.inspection.views import InspectionState, Looked
from orchestrator.service.machine import cores
from orchestrator.service.processes import spawn
from orchestrator.service.service import Service
from orchestrator.service.vaults import opened
from reid_core import api
from reid_core.config import Values, from_values, to_values
from reid_core.errors import CheckpointError, Conflict, NotFound, ReidTuneError

if TYPE_CHECKING:
    from reid_core.engine.inspection_folder import Inspection

__all__ = ["TOP", "WINNER", "Inspections", "Subject", "has_winner", "is_inspected", "subject_of"]

TOP = 20
"""Images of a query's list that an inspection holds unless more are asked for."""
WINNER = "winner"
_CHECKPOINTS = "epoch-*.pt"
_KEPT = 4
_NICE = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """What is inspected: a trial, or the retrained winner where `trial` is None. `folder` is where it is kept."""

    study: str
    name: str
    trial: int | None
    folder: Path

    @property
    def word(self) -> str:
        """As the process is told it."""
        return WINNER if self.trial is None else str(self.trial)


def subject_of(service: Service, study: str, trial: int | None) -> Subject:
    """The trial of a study, or its retrained winner. Raises NotFound for a study or a trial that is not there."""
    row = service.store.find(study)
    if trial is None:
        return Subject(row.id, row.name, None, service.home.study(row.id) / "retrain" / WINNER / "inspection")
    folder = Path(service.trial(row.id, trial).directory)
    return Subject(row.id, row.name, trial, folder / "inspection")


def has_winner(service: Service, study: str) -> bool:
    """Whether the study's winner was retrained. Raises NotFound."""
    return any(subject_of(service, study, None).folder.parent.glob(_CHECKPOINTS))


def is_inspected(service: Service, study: str, trial: int) -> bool:
    """Whether there is an inspection of a trial, of its newest epoch or an earlier one. Raises NotFound."""
    from reid_core.engine.inspection_folder import WORDS  # noqa: PLC0415 - it loads torch

    return (subject_of(service, study, trial).folder / WORDS).exists()


@dataclass(frozen=True, slots=True)
class _Model:
    """A checkpoint with the configuration and the split that it is to be measured with."""

    config: Values
    path: Callable[[], Path]
    epoch: int
    sha256: str
    protocol: api.Protocol


class Inspections:
    """The inspections of one home. Safe for several threads."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._records = Records(service.home.root / "inspection")
        self._kept: OrderedDict[tuple[Path, int], Inspection] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, study: str, trial: int | None) -> Looked:
        """Where the inspection of a trial (None: of the retrained winner) stands. Raises NotFound."""
        subject = subject_of(self._service, study, trial)
        return self._looked(subject, self._model(subject), self._read(subject))

    def read(self, study: str, trial: int | None) -> tuple[Looked, Inspection]:
        """A finished inspection, also one of an earlier epoch. Raises NotFound where there is none."""
        subject = subject_of(self._service, study, trial)
        found = self._read(subject)
        looked = self._looked(subject, self._model(subject), found)
        if found is None:
            what = "the retrained winner" if trial is None else f"trial {trial}"
            option = "--winner" if trial is None else str(trial)
            hint = f"`reid-tune inspect {subject.name} {option}` makes one; so does its page"
            raise NotFound(f"{what} of study {subject.name} is not inspected yet", hint=hint)
        return looked, found

    def config(self, study: str, trial: int | None) -> Values:
        """The configuration that an inspection reads its images with. Raises NotFound."""
        model = self._model(subject_of(self._service, study, trial))
        if isinstance(model, ReidTuneError):
            raise model
        return model.config

    def start(self, study: str, trial: int | None, *, top: int = TOP) -> Looked:
        """Build it in a process of low priority, one at a time on this machine; nothing happens where it is ready.

        Raises NotFound without a checkpoint, Conflict while another one is built.
        """
        subject = subject_of(self._service, study, trial)
        model = self._model(subject)
        if isinstance(model, ReidTuneError):
            raise model
        looked = self._looked(subject, model, self._read(subject))
        if looked.state in {InspectionState.READY, InspectionState.BUILDING}:
            return looked
        with self._lock:
            running = self._records.running()
            if running is not None:
                raise _occupied(running)
            words = [str(self._service.home.root), subject.study, subject.word, str(top)]
            log = subject.folder.with_name("inspection.log")
            home = {"REID_TUNE_HOME": str(self._service.home.root)}
            process = spawn("orchestrator.service.inspection.process", words, log, nice=_NICE, environment=home)
            threading.Thread(target=process.wait, name="inspection", daemon=True).start()  # leaves no zombie
            self._records.begin(subject.study, subject.word, process.pid)
        return self._looked(subject, model, None)

    def build(
        self, study: str, trial: int | None, *, top: int = TOP, progress: Callable[[str, int, int], None] | None = None
    ) -> Looked:
        """Build it in this process. Raises Conflict while another process does, else as reid_core.api.inspect."""
        subject = subject_of(self._service, study, trial)
        model = self._model(subject)
        if isinstance(model, ReidTuneError):
            raise model
        with self._records.alone(subject.study, subject.word, _occupied) as tell:

            def told(stage: str, done: int, total: int) -> None:
                tell(stage, done, total)
                if progress is not None:
                    progress(stage, done, total)

            found = api.inspect(
                from_values(model.config),
                model.path(),
                subject.folder,
                protocol=model.protocol,
                top=top,
                threads=cores(),
                progress=told,
            )
        return self._looked(subject, model, found)

    def _looked(self, subject: Subject, model: _Model | ReidTuneError, found: Inspection | None) -> Looked:
        plain = {"study": subject.name, "trial": subject.trial}
        if isinstance(model, ReidTuneError):
            plain |= {"possible": False, "message": model.message, "hint": model.hint}
        else:
            plain |= {"newest": model.epoch}
        if found is not None:
            plain |= {"epoch": found.words.epoch, "mark": f"{found.words.checkpoint[:16]}-{found.words.top}"}
        record = self._records.last(subject.study, subject.word)
        if record is not None and record.running:
            told = {"stage": record.stage, "done": record.done, "total": record.total}
            return Looked.model_validate({**plain, **told, "state": InspectionState.BUILDING})
        if found is not None:
            fresh = isinstance(model, ReidTuneError) or found.words.checkpoint == model.sha256
            return Looked.model_validate({**plain, "state": InspectionState.READY if fresh else InspectionState.STALE})
        if record is not None and record.message:
            told = {"message": record.message, "hint": record.hint}
            return Looked.model_validate({**plain, **told, "state": InspectionState.FAILED})
        return Looked.model_validate({**plain, "state": InspectionState.NONE})

    def _model(self, subject: Subject) -> _Model | ReidTuneError:
        """What there is to inspect, or why there is nothing."""
        if subject.trial is None:
            return _retrained(subject)
        state = self._service.state(subject.study)
        trial, created = state.trials[subject.trial], state.created
        checkpoint = trial.checkpoint
        if checkpoint is None or created is None:
            message = f"trial {subject.trial} of study {subject.name} has no checkpoint yet"
            return NotFound(message, hint="it can be inspected after its first epoch")
        config = self._service.trial(subject.study, subject.trial).config
        home = self._service.home
        return _Model(config, lambda: opened(checkpoint, home), checkpoint.epoch, checkpoint.sha256, created.protocol)

    def _read(self, subject: Subject) -> Inspection | None:
        """The finished inspection; the last few stay in memory until their file changes."""
        from reid_core.engine.inspection_folder import WORDS, read_inspection  # noqa: PLC0415 - it loads torch

        try:
            key = (subject.folder, (subject.folder / WORDS).stat().st_mtime_ns)
        except OSError:
            return None
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = read_inspection(subject.folder)
        if found is not None:
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found


def _retrained(subject: Subject) -> _Model | ReidTuneError:
    """The retrained winner: its newest checkpoint says how it was made."""
    paths = sorted(subject.folder.parent.glob(_CHECKPOINTS))
    if not paths:
        message = f"the winner of study {subject.name} is not retrained yet"
        return NotFound(message, hint=f"`reid-tune best {subject.name} --retrain` trains it on all training data")
    try:
        return _described(paths[-1], paths[-1].stat().st_mtime_ns)
    except CheckpointError as error:
        return error


@lru_cache(maxsize=8)
def _described(path: Path, _changed: int) -> _Model:
    """What a checkpoint says of itself; read once while its file does not change."""
    found = api.describe_checkpoint(path)
    return _Model(to_values(found.config), lambda: path, found.epoch, found.sha256, api.Protocol.TEST)


def _occupied(record: Record) -> ReidTuneError:
    what = "the retrained winner" if record.subject == WINNER else f"trial {record.subject}"
    return Conflict(f"{what} of study {record.study} is being inspected: one at a time", hint="ask again in a while")
