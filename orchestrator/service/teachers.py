"""Which models teach: a study's best trial, its retrained winner, or a file; and what each of them has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.events import StudyState, Teacher
from orchestrator.service.home import Home
from orchestrator.service.progress import winner
from orchestrator.service.vaults import opened
from reid_core import api
from reid_core.api import Protocol
from reid_core.errors import CheckpointError, Finding, InvalidInput, NotFound

__all__ = ["STUDY", "Known", "different", "find_teachers", "refused", "retrained_of", "teacher_of_file"]

STUDY = "study:"
"""What a teacher's source begins with where it is a study's winner."""

_FOREIGN = (".onnx", ".pth")

States = Callable[[str], StudyState]
"""The state of a study by name, id or latest; raises NotFound."""


@dataclass(frozen=True, slots=True)
class Known:
    """A teacher and what it has seen: fingerprints of its images and of the split that it was trained with, its task.

    All are empty where nobody knows. `whole`: it was trained on all training images, none was held out.
    """

    teacher: Teacher
    images: str = ""
    split: str = ""
    whole: bool = False
    combined: bool = False
    task: str = ""


def find_teachers(sources: Sequence[str], states: States, home: Home, protocol: Protocol) -> tuple[Known, ...]:
    """The teachers that `sources` name, for students that are trained under `protocol`.

    Of `study:NAME` it is the best trial for the validation protocol, which has not seen the identities held out there,
    and the retrained winner for the test protocol, where students are trained on all of them. Raises NotFound for an
    unknown study and one without such a model, InvalidInput for a file that is none.
    """
    return tuple(
        _of_study(source, states(source.removeprefix(STUDY) or "latest"), home, protocol)
        if source.startswith(STUDY)
        else teacher_of_file(source)
        for source in sources
    )


def different(known: Sequence[Known]) -> tuple[Known, ...]:
    """Each model once, however often and by whatever name it was given."""
    return tuple({one.teacher.sha256 or one.teacher.path: one for one in reversed(known)}.values())[::-1]


def _of_study(source: str, state: StudyState, home: Home, protocol: Protocol) -> Known:
    if protocol is Protocol.TEST:
        return retrained_of(state, home)
    created = state.created
    if created is None:
        raise NotFound(f"{source}: the study has no creation event")
    if created.protocol is Protocol.TEST:
        message = f"study {created.name} was trained on all identities, also on those that a search measures on"
        raise refused("teacher-saw-held-out", message, "name a study that was measured on the validation split")
    best = winner(state)
    trial = None if best is None else state.trials[best.trial]
    file = None if trial is None else trial.checkpoint
    if trial is None or file is None:
        hint = f"see `reid-tune status {created.name}`"
        raise NotFound(f"study {created.name} has no finished epoch yet, so it has no teacher", hint=hint)
    try:
        path = str(opened(file, home))
    except NotFound as error:
        message = f"the checkpoint of trial {trial.id} of study {created.name} is not there any more: {file.path}"
        raise NotFound(message, hint="name another study, or a checkpoint by its path") from error
    about, objective = _described(path), created.space.objective[0].metric
    metrics = trial.history.get(file.epoch, {})
    value = f", {objective} {metrics[objective]:.3f} on the validation split" if objective in metrics else ""
    teacher = Teacher(
        source=f"{STUDY}{created.name}",
        path=path,
        sha256=file.sha256,
        study=created.study,
        name=created.name,
        trial=trial.id,
        epoch=file.epoch,
        identities=about.identities,
        network=about.network,
        metrics=dict(metrics),
        reason=f"best trial of study {created.name}: trial {trial.id} at epoch {file.epoch}{value}",
    )
    task = about.config.task.name
    return Known(teacher, created.data_fingerprint, created.split_fingerprint, task=task)


def retrained_of(state: StudyState, home: Home) -> Known:
    """The winner of a study, trained on all identities by `best --retrain`. Raises NotFound where there is none."""
    created = state.created
    if created is None:
        raise NotFound("the study has no creation event")
    file = api.newest_checkpoint(home.study(created.study) / "retrain" / "winner")
    about = None if file is None else api.describe_checkpoint(file.path)
    if about is None or about.epoch < about.config.solver.max_epoch:
        so_far = "" if about is None else f" (only one of {about.epoch} of {about.config.solver.max_epoch} epochs)"
        message = f"the teacher study {created.name} has no model that was trained on all identities{so_far}"
        raise NotFound(message, hint=f"make it with: reid-tune best {created.name} --retrain")
    source = f"{STUDY}{created.name}"
    length = f"{about.epoch} epoch{'s' * (about.epoch != 1)}"
    reason = f"winner of study {created.name}, trained on all identities for {length}"
    teacher = _teacher(source, about, reason).model_copy(update={"study": created.study, "name": created.name})
    task = about.config.task.name
    return Known(teacher, created.data_fingerprint, created.split_fingerprint, whole=True, task=task)


def teacher_of_file(source: str) -> Known:
    """A file: one of our checkpoints, which tells what it was trained on, or another tool's model, which does not.

    Raises InvalidInput when it is not there, torn, or neither.
    """
    path = Path(source).expanduser().resolve()
    if not path.is_file():
        message = f"there is no file {source}"
        raise refused("missing-file", message, f"give a checkpoint, or {STUDY}NAME for the winner of a study")
    try:
        about = api.describe_checkpoint(path)
    except CheckpointError as error:
        if path.suffix not in _FOREIGN:
            raise refused("teacher-unreadable", error.message, error.hint) from error
        return Known(Teacher(source=source, path=str(path), network=path.name, reason="a model of another tool"))
    known = _teacher(source, about, f"checkpoint of epoch {about.epoch}")
    seen, task = about.trained_on, about.config.task.name
    if seen is None:  # of an older version
        return Known(known, task=task)
    whole = seen.protocol is Protocol.TEST
    return Known(known, seen.data, seen.split, whole=whole, combined=about.config.datasets.combineall, task=task)


def _teacher(source: str, about: api.CheckpointSummary, reason: str) -> Teacher:
    return Teacher(
        source=source,
        path=str(about.path),
        sha256=about.sha256,
        epoch=about.epoch,
        identities=about.identities,
        network=about.network,
        metrics=dict(about.metrics),
        reason=reason,
    )


def _described(path: str) -> api.CheckpointSummary:
    try:
        return api.describe_checkpoint(Path(path))
    except CheckpointError as error:
        raise refused("teacher-unreadable", error.message, error.hint) from error


def refused(code: str, message: str, hint: str) -> InvalidInput:
    """A fault of the option that names the teacher."""
    return InvalidInput(Finding(code, message, file="--teacher", key="teacher", hint=hint))
