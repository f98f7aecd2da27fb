"""The KD section becomes a distiller. The border of this package: whatever does not fit is refused here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from torch import nn

from reid_core.config import Config
from reid_core.config.schema.section import Section
from reid_core.config.teachers import teacher_files
from reid_core.data.loader import EvalBatch
from reid_core.distill.average_teacher import AverageTeacher
from reid_core.distill.connector import Connector, connector_optimizer
from reid_core.distill.distiller import Distiller, Pupil
from reid_core.distill.knowledge import knowledge_findings, knowledge_notes
from reid_core.distill.opening import open_teacher
from reid_core.distill.remembering import MOST_BYTES, Remembered
from reid_core.distill.stages import Stage, stages_of
from reid_core.distill.teacher import NetworkTeacher, Teacher
from reid_core.engine.compute import Compute
from reid_core.errors import ConfigError, Finding
from reid_core.modeling import Architecture
from reid_core.modeling.layers import Norm
from reid_core.results import TrainedOn
from reid_core.tasks.task import task_of

__all__ = ["PlainImages", "build_distiller"]


class PlainImages(Protocol):
    """The training images without augmentation."""

    def __len__(self) -> int: ...

    def plain(self, start: int, stop: int) -> EvalBatch:
        """The images at these positions of the data set, and their cameras."""


def build_distiller(
    config: Config, student: Architecture, images: PlainImages, compute: Compute, trained_on: TrainedOn
) -> Distiller | None:
    """What `student`, trained on `trained_on`, learns from the teachers of KD; None where nothing is distilled.

    The student is on its device, with the weights it starts from. Draws random numbers: connectors begin with them.
    ConfigError with every reason why a teacher cannot teach it: a file that is not there or not readable, other
    classes, no feature maps; images it has seen and the student may not.
    """
    kd = config.kd
    if not kd.enabled:
        return None
    size = config.input.size_train
    teachers = [open_teacher(file, size, compute) for file in teacher_files(config)]
    if kd.ema.enabled:
        teachers.append(AverageTeacher(student, size, momentum=kd.ema.momentum))
    findings = [finding for teacher in teachers for finding in _findings(config, student, teacher, trained_on)]
    if findings:
        raise ConfigError(findings)
    remembers = kd.cache == "auto" and kd.overhaul.scale == 0.0 and not _changes_images(config)
    pupils = [
        _pupil(config, student, teacher, weight, _memory(teacher, images, compute) if remembers else None)
        for teacher, weight in zip(teachers, kd.weights or [1.0] * len(teachers), strict=True)
    ]
    for pupil in pupils:
        compute.place(pupil.learned)
    learned = nn.ModuleList(pupil.learned for pupil in pupils)
    optimizer = connector_optimizer(config, learned)
    notes = [note for pupil in pupils for note in _notes(pupil, trained_on, remembers=remembers)]
    return Distiller(kd, student, pupils, optimizer, yes_or_no=task_of(config).yes_or_no, notes=notes)


def _pupil(config: Config, student: Architecture, teacher: Teacher, weight: float, memory: Remembered | None) -> Pupil:
    stages = _stage_pairs(config, student, teacher) if config.kd.overhaul.scale > 0.0 else []
    norm = Norm.SYNC_BATCH if config.model.backbone.norm == Norm.SYNC_BATCH else Norm.BATCH
    learned: dict[str, nn.Module] = {
        f"stage{own.number}": Connector(own.channels, theirs.channels, norm) for own, theirs in stages
    }
    if config.kd.embedding.scale > 0.0 and teacher.width != student.embedding_dim:
        learned["projection"] = nn.Linear(student.embedding_dim, teacher.width, bias=False)
    return Pupil(teacher, weight, stages, nn.ModuleDict(learned), memory)


def _memory(teacher: Teacher, images: PlainImages, compute: Compute) -> Remembered | None:
    """None for a teacher that moves, and where the answers would take too much memory."""
    if isinstance(teacher, AverageTeacher):
        return None
    memory = Remembered(teacher, images.plain, len(images))
    return memory if memory.bytes_of_all(compute.device) <= MOST_BYTES else None


def _notes(pupil: Pupil, trained_on: TrainedOn, *, remembers: bool) -> Iterator[str]:
    teacher = pupil.teacher
    if isinstance(teacher, AverageTeacher):
        yield f"learns from {teacher.name}"
        return
    yield from knowledge_notes(teacher.name, teacher.known, trained_on, classes=teacher.classes)
    if remembers and pupil.memory is None:
        limit = f"{MOST_BYTES / 2**30:g} GiB"
        yield f"{teacher.name} is asked about every batch: its answers to all images would take more than {limit}"


def _stage_pairs(config: Config, student: Architecture, teacher: Teacher) -> Sequence[tuple[Stage, Stage]]:
    """The stages of KD.OVERHAUL.LAYERS, or all that both have. ConfigError: one that is not there."""
    wanted = config.kd.overhaul.layers
    own = {one.number: one for one in _stages(student, config.model.backbone.name)}
    theirs = {one.number: one for one in _stages(teacher, teacher.name)}
    shared = sorted(own.keys() & theirs.keys())
    absent = [number for number in wanted if number not in shared]
    if absent:
        message = f"KD.OVERHAUL.LAYERS: stage {absent[0]} is not in both the student and {teacher.name}"
        hint = f"both have {', '.join(map(str, shared))}"
        raise ConfigError(Finding("impossible", message, hint=hint, key="KD.OVERHAUL.LAYERS"))
    return [(own[number], theirs[number]) for number in (sorted(wanted) or shared)]


def _stages(network: Architecture | Teacher, name: str) -> Sequence[Stage]:
    model = network.model if isinstance(network, NetworkTeacher) else network
    backbone = getattr(model, "backbone", None)
    return stages_of(backbone if isinstance(backbone, nn.Module) else nn.Identity(), name=name)


def _findings(config: Config, student: Architecture, teacher: Teacher, trained_on: TrainedOn) -> Iterator[Finding]:
    if not isinstance(teacher, AverageTeacher):
        yield from knowledge_findings(config, teacher.name, teacher.known, trained_on)
    kd, key = config.kd, "KD.MODEL_WEIGHTS"
    others = "use KD.OVERHAUL, KD.RELATION or KD.EMBEDDING with KD.LOGITS.SCALE 0"
    if kd.logits.scale > 0.0 and student.num_classes == 0:
        message = f"KD.LOGITS compares logits, and {type(student).__name__} has no classifier"
        yield Finding("impossible", message, hint="set KD.LOGITS.SCALE to 0", key="KD.LOGITS.SCALE")
    elif kd.logits.scale > 0.0 and teacher.classes == 0:
        message = f"{key}: {teacher.name} gives no logits, which KD.LOGITS compares"
        hint = f"call the output of its logits 'logits'; or {others}"
        yield Finding("impossible", message, hint=hint, key=key)
    elif kd.logits.scale > 0.0 and teacher.classes != student.num_classes:
        message = (
            f"{key}: {teacher.name} knows {teacher.classes} identities and the student {student.num_classes}:"
            " their logits cannot be compared"
        )
        hint = f"take a teacher of the same identities (with the same split); or {others}"
        yield Finding("impossible", message, hint=hint, key=key)
    compares = kd.embedding.scale + kd.relation.distance_scale + kd.relation.angle_scale > 0.0
    if compares and teacher.width == 0:
        message = f"{key}: {teacher.name} gives no embedding, which KD.EMBEDDING and KD.RELATION compare"
        yield Finding("impossible", message, hint="an output (B, D) beside the logits is needed", key=key)


def _changes_images(config: Config) -> bool:
    """Whether INPUT has any augmentation on: every section of it that can be on is one."""
    sections = (getattr(config.input, name) for name in type(config.input).model_fields)
    return any(isinstance(one, Section) and bool(getattr(one, "enabled", False)) for one in sections)
