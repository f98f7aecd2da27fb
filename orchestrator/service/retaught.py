"""Who teaches a retraining: students are then trained on all identities, so their teachers must know all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.events import StudyCreated, StudyState, Teacher
from orchestrator.service.home import Home
from orchestrator.service.taught import WEIGHTS, judged
from orchestrator.service.teachers import STUDY, Known, find_teachers, refused, retrained_of, teacher_of_file
from reid_core import api
from reid_core.api import Protocol
from reid_core.config import Values, from_values
from reid_core.errors import NotFound

__all__ = ["retaught", "taught_by"]

States = Callable[[str], StudyState]


def retaught(
    created: StudyCreated, values: Values, asked: Sequence[str], states: States, home: Home
) -> tuple[Teacher, ...]:
    """The teachers of a retraining with `values`, in the order of its KD.MODEL_WEIGHTS; none where nothing is learned.

    A study that taught is followed by its retrained winner; a file of other data, or whose logits are not learned,
    teaches again. `asked` replaces them all. Raises NotFound, with the command that helps, where there is no such
    model, and InvalidInput where what is asked for does not go with the configuration.
    """
    config = from_values(values)
    logits = config.kd.logits.scale > 0.0
    named = config.kd.model_weights_ if config.kd.enabled else ()
    if not named:
        if asked:
            raise refused("no-teacher-needed", "this configuration learns from no file", "leave --teacher out")
        return ()
    if asked:
        if len(asked) != len(named):
            message = f"the configuration has {len(named)} teachers, and --teacher is given {len(asked)} times"
            raise refused("teacher-count", message, f"they are, in this order: {', '.join(named)}")
        known = find_teachers(asked, states, home, Protocol.TEST)
    else:
        recorded = {one.path: one for one in created.teachers}
        known = tuple(_again(recorded.get(path), path, created, states, home, logits=logits) for path in named)
    return judged(known, values, api.describe_data(config), Protocol.TEST, logits=logits)[0]


def _again(
    teacher: Teacher | None, path: str, created: StudyCreated, states: States, home: Home, *, logits: bool
) -> Known:
    """What follows the teacher of the search."""
    if teacher is not None and teacher.study:
        return retrained_of(_state(teacher, created, states), home)
    if teacher is not None and teacher.same_data and logits:
        message = f"the teacher {teacher.source} knows only the identities that the search of {created.name} trained on"
        hint = f"train it on all of them and name it: reid-tune best {created.name} --retrain --teacher FILE"
        raise NotFound(message, hint=hint)
    found = teacher_of_file(path)
    if teacher is None:
        return found
    return replace(found, teacher=found.teacher.model_copy(update={"source": teacher.source}))


def _state(teacher: Teacher, created: StudyCreated, states: States) -> StudyState:
    try:
        return states(teacher.study)
    except NotFound as error:
        message = f"the study {teacher.name}, whose winner taught {created.name}, is not there any more"
        hint = f"name a model that was trained on all identities: reid-tune best {created.name} --retrain --teacher "
        raise NotFound(message, hint=f"{hint}FILE, or {STUDY}NAME for another study's retrained winner") from error


def taught_by(values: Values, teachers: Sequence[Teacher]) -> Values:
    """The configuration with these teachers' files; unchanged where there are none."""
    return {**values, WEIGHTS: [one.path for one in teachers]} if teachers else values
