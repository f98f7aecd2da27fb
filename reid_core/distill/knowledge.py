"""What a teacher knows of the data its student learns from: what it may not have seen, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reid_core.config import Config
from reid_core.errors import Finding
from reid_core.results import Protocol, TrainedOn

__all__ = ["Knowledge", "knowledge_findings", "knowledge_notes"]

_KEY = "KD.MODEL_WEIGHTS"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a teacher's file tells: its `network` for people, its task, what it was trained on; empty: not noted."""

    network: str = ""
    task: str = ""
    trained_on: TrainedOn | None = None


def knowledge_findings(config: Config, name: str, known: Knowledge, student: TrainedOn) -> Iterator[Finding]:
    """Why the teacher `name` may not teach a student of `config` that is trained on `student`."""
    others = f"or set KD.LOGITS.SCALE to 0 and use KD.OVERHAUL, KD.RELATION or KD.EMBEDDING of {_KEY}"
    logits, seen = config.kd.logits.scale > 0.0, known.trained_on
    if logits and known.task and known.task != config.task.name:
        message = f"{_KEY}: {name} learned {known.task}, and the student learns {config.task.name}: other classes"
        yield Finding("teacher-other-task", message, hint=f"take a teacher of {config.task.name}, {others}", key=_KEY)
    elif logits and seen and seen.data != student.data:
        message = f"{_KEY}: {name} was trained on other data: its logits are of other classes than the student's"
        yield Finding("teacher-other-data", message, hint=f"train it on this data, {others}", key=_KEY)
    if seen is None or seen.data != student.data or seen == student:
        return
    if student.protocol is Protocol.VALIDATION:
        on = "with another validation split, on some"
        on = "on all training images, also" if seen.protocol is Protocol.TEST else on
        message = f"{_KEY}: {name} was trained {on} of those that are measured: the student would look too good"
        hint = "train it under the same split: reid-tune train --protocol validation, with the same DATASETS.VAL_*"
        yield Finding("teacher-saw-held-out", message, hint=hint, key=_KEY)
    elif seen.protocol is Protocol.TEST and not config.datasets.combineall:
        message = f"{_KEY}: {name} was trained on the test images too (DATASETS.COMBINEALL), which are measured"
        yield Finding("teacher-saw-test", message, hint="train one without DATASETS.COMBINEALL", key=_KEY)


def knowledge_notes(name: str, known: Knowledge, student: TrainedOn, *, classes: int) -> Iterator[str]:
    """Who teaches, and a warning where nothing tells what it has seen."""
    what = known.network or "a network that does not tell what it is"
    yield f"learns from {name}: {what}, {f'{classes} classes' if classes else 'no classes'}"
    if known.trained_on is None:
        yield (
            f"warning: {name} does not tell what it was trained on: whether its classes are the student's, and whether"
            " it has seen the images that are measured, was not checked"
        )
    elif known.trained_on.data != student.data:
        yield (
            f"warning: {name} was trained on other data: whether it has seen the images that are measured was not"
            " checked"
        )
