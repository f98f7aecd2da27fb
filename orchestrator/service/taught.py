"""What teachers make of a study: what they may teach, which of them is a parameter, where their copies lie."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.events import Teacher
from orchestrator.service.teachers import STUDY, Known, refused, teacher_of_file
from reid_core.api import DataSummary, Protocol
from reid_core.config import Value, Values
from reid_core.config.distillation_rules import ONNX_SUFFIX
from reid_core.errors import InvalidInput
from search_spaces.load import LoadedSpace
from search_spaces.model import Choice, Space

__all__ = [
    "CONFIGS",
    "EMA",
    "NOBODY_TEACHES",
    "WEIGHTS",
    "check_taught",
    "copied",
    "judged",
    "learns_logits",
    "moved",
    "moved_values",
    "named_teachers",
    "places",
    "wants_teacher",
    "with_choice",
]

WEIGHTS = "KD.MODEL_WEIGHTS"
"""The key of the teachers' files."""

CONFIGS = "KD.MODEL_CONFIG"
"""The key of their configurations, where their files do not hold them."""

EMA = "KD.EMA.ENABLED"
"""The key that makes a student's own moving average its teacher."""

NOBODY_TEACHES = (
    "no --teacher given: each student learns from its own moving average (KD.EMA), to show how it works;"
    " --teacher study:NAME takes a study's winner"
)
"""What is said of a space of distillation on built-in data."""

_LOGITS, _OVERHAUL = "KD.LOGITS.SCALE", "KD.OVERHAUL.SCALE"
_FOLDER = "teachers"
_TASK = "TASK.NAME"
_SAME_CLASSES = ("attributes", "classification")  # whatever is held out


def with_choice(loaded: LoadedSpace, asked: Sequence[Known]) -> LoadedSpace:
    """The space with a parameter more where several teachers are given: one of them alone, or all together.

    Not where weights or configurations are given for each of them, nor in a space of rows: there all teach.
    """
    if len(asked) < 2 or loaded.space.rows or loaded.base.get("KD.WEIGHTS") or loaded.base.get(CONFIGS):
        return loaded
    paths: list[Value] = [[one.teacher.path] for one in asked]
    every: Value = [one.teacher.path for one in asked]
    text = f"which of {', '.join(one.teacher.source for one in asked)} teaches, or all together"
    choice = Choice(values=(*paths, every), help=text)
    fixed = {key: value for key, value in loaded.space.fixed.items() if key != WEIGHTS}
    parameters = {**loaded.space.parameters, WEIGHTS: choice}
    space = loaded.space.model_copy(update={"fixed": fixed, "parameters": parameters})
    base = {**loaded.base, WEIGHTS: paths[0]}
    return replace(loaded, space=space, base=base, defaults={**loaded.defaults, WEIGHTS: paths[0]})


def named_teachers(space: Space, base: Values, asked: Sequence[Known]) -> tuple[Known, ...]:
    """Those that were asked for, and the files that the space or `--set` name besides."""
    found = {one.teacher.path: one for one in asked}
    for text in _paths(space, base):
        if text not in found:
            one = teacher_of_file(text)
            found[text] = replace(one, teacher=one.teacher.model_copy(update={"path": text}))
    return tuple(found.values())


def _paths(space: Space, base: Values) -> list[str]:
    parameter = space.parameters.get(WEIGHTS)
    values = [base.get(WEIGHTS, []), *(parameter.values if isinstance(parameter, Choice) else ())]
    return [str(path) for value in values if isinstance(value, list) for path in value]


def wants_teacher(loaded: LoadedSpace) -> bool:
    """Whether the space varies how a student is taught, and nobody teaches it."""
    return bool(_untaught(loaded.space, loaded.base))


def check_taught(space: Space, base: Values) -> None:
    """Raise InvalidInput for a space that varies how a student is taught where nobody can teach it that."""
    onnx = next((path for path in _paths(space, base) if path.endswith(ONNX_SUFFIX)), "")
    if onnx and _OVERHAUL in {*space.parameters, *space.tied}:
        message = f"{onnx} does not show its feature maps, and the space {space.name} varies {_OVERHAUL}"
        raise refused("teacher-without-maps", message, f"take the checkpoint it came from, or --set {_OVERHAUL} 0.0")
    varied = _untaught(space, base)
    if not varied:
        return
    shown = ", ".join(varied[:3]) + (" ..." if len(varied) > 3 else "")
    message = f"the space {space.name} varies how a student is taught ({shown}), and there is no teacher"
    make = "reid-tune run --space bnneck.yaml --trials 12 --name teacher"
    hint = f"add --teacher CHECKPOINT, or --teacher {STUDY}NAME for the winner of a study; this makes one: {make}"
    raise refused("needs-teacher", message, f"{hint} (with the same --data)")


def _untaught(space: Space, base: Values) -> list[str]:
    """The parameters that have no effect without a teacher; none where there is one."""
    varied = [key for key in (*space.parameters, *space.tied) if key.startswith("KD.")]
    taught = bool(base.get(WEIGHTS) or base.get(EMA)) or not {WEIGHTS, EMA}.isdisjoint(varied)
    return [] if taught else varied


def learns_logits(space: Space, base: Values) -> bool:
    """Whether some trial may learn its teachers' logits, which mean something to the same classes only."""
    scale = base.get(_LOGITS)
    return _LOGITS in {*space.parameters, *space.tied} or (isinstance(scale, int | float) and scale > 0)


def judged(
    known: Sequence[Known], values: Values, data: DataSummary, protocol: Protocol, *, logits: bool
) -> tuple[tuple[Teacher, ...], tuple[str, ...]]:
    """The teachers, each with what is known of its data, and notes about those that know other data.

    `values` are the students' configuration, and `logits` says whether they may learn logits. Raises InvalidInput, with
    every fault, for a teacher that has seen what its students are measured on, or whose logits are of other classes.
    """
    combined = bool(values.get("DATASETS.COMBINEALL"))
    task = str(values.get(_TASK, "reid"))
    teachers: list[Teacher] = []
    faults: list[InvalidInput] = []
    notes: list[str] = []
    for one in known:
        try:
            _check_task(one, task, logits=logits)
            why = _knowledge(one, data, protocol, logits=logits, combined=combined)
        except InvalidInput as fault:
            faults.append(fault)
            continue
        reason = f"{one.teacher.reason}; {why}" if why else one.teacher.reason
        notes += [f"teacher {one.teacher.source}: {why}"] if why else []
        teachers.append(one.teacher.model_copy(update={"same_data": not why, "reason": reason}))
    if faults:
        raise InvalidInput([found for fault in faults for found in fault.findings])
    return tuple(teachers), tuple(notes)


def _check_task(one: Known, task: str, *, logits: bool) -> None:
    if logits and one.task and one.task != task:
        message = f"{one.teacher.source} learned {one.task}, and the students learn {task}: other classes"
        raise refused("teacher-other-task", message, f"switch them off: --set {_LOGITS} 0.0")


def _knowledge(one: Known, data: DataSummary, protocol: Protocol, *, logits: bool, combined: bool) -> str:
    """What is to be said of a teacher's data; nothing where it saw what its students see. Raises InvalidInput."""
    source = one.teacher.source
    if not one.images:
        return "what it was trained on is not known here, so nothing tells whether it has seen what is measured"
    if one.images != data.fingerprint:
        if logits:
            message = f"{source} was trained on other data: its logits are of other identities than the students'"
            raise refused("teacher-other-data", message, f"switch them off: --set {_LOGITS} 0.0")
        return "it was trained on other data: features, relations and embeddings are taught, logits are not"
    if protocol is Protocol.TEST:
        return _of_all_identities(one, logits=logits, combined=combined)
    if one.whole or one.split != data.split_fingerprint:
        on = "on all identities, also" if one.whole else "with another validation split, on some"
        message = f"{source} was trained {on} of those that the search measures on: students would look too good"
        hint = f"--teacher {STUDY}NAME takes the best trial of a study with the same data and split, or train one with "
        raise refused("teacher-saw-held-out", message, f"{hint}`reid-tune train --protocol validation`")
    return ""


def _of_all_identities(one: Known, *, logits: bool, combined: bool) -> str:
    source = one.teacher.source
    if one.combined and not combined:
        message = f"{source} was trained on query and gallery too (DATASETS.COMBINEALL), which are measured here"
        raise refused("teacher-saw-test", message, "train one without DATASETS.COMBINEALL")
    if one.whole:
        return ""
    if one.task in _SAME_CLASSES:
        return "it was not trained on the images held out for validation, the student is"
    if logits:
        message = f"{source} knows only {one.teacher.identities} identities, and the student learns them all"
        hint = f"train it under the same protocol (`reid-tune best STUDY --retrain`), or --set {_LOGITS} 0.0"
        raise refused("teacher-fewer-identities", message, hint)
    return f"it was trained on {one.teacher.identities} identities, the student on all"


def places(teachers: Sequence[Teacher], folder: Path) -> dict[str, str]:
    """Where each teacher's copy lies in a study's `folder`, by the path it has now."""
    return {
        one.path: str(folder / _FOLDER / f"{_digest(one)[:16]}{Path(one.path).suffix}") for one in teachers if one.path
    }


def _digest(teacher: Teacher) -> str:
    return teacher.sha256 or hashlib.sha256(Path(teacher.path).read_bytes()).hexdigest()


def copied(teachers: Sequence[Teacher], to: Mapping[str, str]) -> tuple[Teacher, ...]:
    """Copy the teachers' files, so that a study has them whatever becomes of where they came from.

    Raises InvalidInput when a file is not what it was when it was looked at.
    """
    kept = []
    for one in teachers:
        target = Path(to[one.path])
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(".tmp")
        digest = _digest(one)
        try:
            shutil.copyfile(one.path, beside)
        except FileNotFoundError as error:
            raise refused("missing-file", f"there is no file {one.path} any more", "start again") from error
        if hashlib.sha256(beside.read_bytes()).hexdigest() != digest:
            beside.unlink()
            raise refused("teacher-changed", f"{one.path} changed while it was copied", "start again")
        beside.replace(target)
        target.with_name(f"{target.name}.sha256").write_text(f"{digest}  {target.name}\n", encoding="ascii")
        kept.append(one.model_copy(update={"path": str(target), "sha256": digest}))
    return tuple(kept)


def moved(space: Space, to: Mapping[str, str]) -> Space:
    """The space with the teachers' paths as `to` names them."""
    update: dict[str, object] = {"fixed": moved_values(space.fixed, to)}
    parameter = space.parameters.get(WEIGHTS)
    if isinstance(parameter, Choice):
        values = tuple(_moved(value, to) for value in parameter.values)
        choice = parameter.model_copy(update={"values": values, "prior": _moved(parameter.prior, to)})
        update["parameters"] = {**space.parameters, WEIGHTS: choice}
    return space.model_copy(update=update)


def moved_values(values: Values, to: Mapping[str, str]) -> Values:
    """Values with the teachers' paths as `to` names them; other keys, and values without the key, stay."""
    return {**values, WEIGHTS: _moved(values[WEIGHTS], to)} if WEIGHTS in values else values


def _moved(value: Value, to: Mapping[str, str]) -> Value:
    return [to.get(str(path), str(path)) for path in value] if isinstance(value, list) else value
