"""Distillation as a component of a training: its teachers, what it learns itself, and the state it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from reid_core.config import Config
from reid_core.config.schema.distillation import Kd
from reid_core.distill.average_teacher import AverageTeacher
from reid_core.distill.connector import connector_optimizer
from reid_core.distill.lesson import Lesson, taught
from reid_core.distill.overhaul import overhaul_distances
from reid_core.distill.remembering import Remembered
from reid_core.distill.stages import Stage, recorded
from reid_core.distill.teacher import Said, Teacher
from reid_core.errors import CheckpointError, ConfigError, Finding
from reid_core.losses.outputs import Outputs
from reid_core.modeling import Architecture
from reid_core.solver import inherit, set_learning_rate

__all__ = ["Distiller", "Pupil", "restore_distiller"]

_OVERHAUL_UNIT = 1e-4
"""FastReID divides the sum over a map by 10,000; Heo et al. by 1,000 and more."""

_LAST_STAGE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Pupil:
    """One teacher, how much it counts, and what brings the student to it.

    `stages` are the pairs (student's, teacher's) to compare, `connectors` theirs by number; `projection` brings the
    student's embedding to the teacher's width, where they differ. `memory` has what the teacher says of images that
    are always the same.
    """

    teacher: Teacher
    weight: float
    stages: Sequence[tuple[Stage, Stage]]
    learned: nn.ModuleDict
    memory: Remembered | None = None


class Distiller:
    """What a student learns from `pupils`' teachers, by the terms of `settings`.

    A step of training is: run the student inside `watching`, make `lessons` of what came out, gather them over the
    processes, sum `terms` with the other losses; after the update, `follow`. Connectors and projections learn with
    `optimizer`, None where there are none. `yes_or_no`: logits are of attributes, not of classes that exclude each
    other. `notes` tell people who teaches. Nothing of it belongs to the student: its state dict, what it computes in
    evaluation, and its hooks outside of `watching` are those of a model that was never taught.
    """

    def __init__(
        self,
        settings: Kd,
        student: Architecture,
        pupils: Sequence[Pupil],
        optimizer: Optimizer | None,
        *,
        yes_or_no: bool = False,
        notes: Sequence[str] = (),
    ) -> None:
        self._settings = settings
        self._student = student
        self._pupils = pupils
        self._watched = {own.number: own for pupil in pupils for own, _ in pupil.stages}
        self._average = next((one.teacher for one in pupils if isinstance(one.teacher, AverageTeacher)), None)
        self.learned = nn.ModuleList(pupil.learned for pupil in pupils)
        self.optimizer = optimizer
        self._yes_or_no = yes_or_no
        self.notes = tuple(notes)

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """All teachers, that of KD.EMA last."""
        return tuple(pupil.teacher for pupil in self._pupils)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Those of connectors and projections."""
        return self.learned.parameters()

    def set_learning_rate(self, rate: float) -> None:
        """Give connectors and projections this learning rate."""
        if self.optimizer is not None:
            set_learning_rate(self.optimizer, rate)

    @contextmanager
    def watching(self) -> Iterator[Mapping[int, torch.Tensor]]:
        """While the student runs in here: the feature maps that are compared, by stage."""
        with recorded(list(self._watched.values())) as maps:
            yield maps

    def lessons(
        self,
        images: torch.Tensor,
        camids: torch.Tensor,
        indices: torch.Tensor,
        outputs: Outputs,
        maps: Mapping[int, torch.Tensor],
    ) -> dict[str, Lesson]:
        """What each teacher says of images (B, 3, H, W) at `indices` (B,) of the data set, beside the student's part.

        `outputs` and `maps` are the student's of these images. By the teacher's place; every row is an image's.
        """
        own = self._student.joined_embedding(outputs) if self._compares_embeddings else None
        if own is None and self._compares_embeddings:
            raise _no_embedding(type(self._student).__name__)
        return {
            str(place): self._lesson(pupil, _said(pupil, images, camids, indices), own, maps)
            for place, pupil in enumerate(self._pupils)
        }

    def terms(self, outputs: Outputs, lessons: Mapping[str, Lesson]) -> dict[str, torch.Tensor]:
        """Weighted scalars by name, of a whole batch: loss_kd_logits, loss_overhaul, loss_relation, loss_embedding."""
        weights = [pupil.weight for pupil in self._pupils]
        return taught(self._settings, outputs, list(lessons.values()), weights, yes_or_no=self._yes_or_no)

    def follow(self) -> None:
        """After an update of the student: the moving average takes its step."""
        if self._average is not None:
            self._average.follow(self._student)

    @property
    def _compares_embeddings(self) -> bool:
        settings = self._settings
        return settings.embedding.scale + settings.relation.distance_scale + settings.relation.angle_scale > 0.0

    def _lesson(self, pupil: Pupil, said: Said, own: torch.Tensor | None, maps: Mapping[int, torch.Tensor]) -> Lesson:
        answer = None
        if own is not None and self._settings.embedding.scale > 0.0:
            answer = pupil.learned["projection"](own) if "projection" in pupil.learned else own
        embedding = said.embedding if own is not None else None
        return Lesson(dict(said.logits), embedding, own, answer, _overhaul(pupil, said, maps))

    def state_dict(self) -> dict[str, Any]:
        """What cannot be computed again, and which teachers it had; no weight of theirs. Tensors are live."""
        return {
            "teachers": [teacher.identity for teacher in self.teachers if teacher.identity],
            "learned": self.learned.state_dict(),
            "optimizer": self.optimizer.state_dict() if self.optimizer is not None else None,
            "average": self._average.state_dict() if self._average is not None else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict()` of the same training. CheckpointError: it had other teachers."""
        self._check_teachers(state["teachers"])
        self.learned.load_state_dict(state["learned"])
        if self.optimizer is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])

    def adopt(self, state: Mapping[str, Any] | None, former: Config) -> None:
        """Go on from a training with the scales of `former`, whose state is None where it learned from no teacher.

        A connector that it had goes on learning; one that it had not begins now, and so does a moving average.
        """
        if state is None:
            self._start_average()
            return
        self._check_teachers(state["teachers"])
        if self._average is not None and state["average"] is not None:
            self._average.load_state_dict(state["average"])
        own, known = self.learned.state_dict(), state["learned"]
        self.learned.load_state_dict({name: known.get(name, value) for name, value in own.items()})
        reader = connector_optimizer(former, self.learned)
        if self.optimizer is not None and reader is not None and own.keys() == known.keys():
            reader.load_state_dict(state["optimizer"])
            inherit(self.optimizer, reader)

    def _start_average(self) -> None:
        """The student's weights have changed since it was copied: they are those of a checkpoint."""
        if self._average is not None:
            self._average.start(self._student)

    def _check_teachers(self, former: Sequence[str]) -> None:
        present = [teacher for teacher in self.teachers if teacher.identity]
        if [teacher.identity for teacher in present] != list(former):
            names = ", ".join(teacher.name for teacher in present) or "no file"
            raise CheckpointError(
                f"the checkpoint learned from other teachers than {names}: their files or settings are not the same",
                hint="give the files it began with in KD.MODEL_WEIGHTS, or start anew without the checkpoint",
            )


def restore_distiller(distiller: Distiller | None, state: Mapping[str, Any] | None) -> None:
    """Go on from what a checkpoint holds of distillation. CheckpointError: only one of the two has teachers."""
    if distiller is None and state is None:
        return
    if distiller is None or state is None:
        learned, asked = ("none", "some") if state is None else ("some", "none")
        raise CheckpointError(
            f"the checkpoint learned from {learned} teachers, and the configuration names {asked}",
            hint="give KD as the run began, or start anew without the checkpoint",
        )
    distiller.load_state_dict(state)


def _no_embedding(name: str) -> ConfigError:
    message = f"KD.RELATION and KD.EMBEDDING compare embeddings, and {name} gives none while it trains"
    return ConfigError(Finding("impossible", message, hint="set their scales to 0", key="KD.EMBEDDING.SCALE"))


def _said(pupil: Pupil, images: torch.Tensor, camids: torch.Tensor, indices: torch.Tensor) -> Said:
    if pupil.memory is not None:
        return pupil.memory.of(indices, images.device)
    return pupil.teacher.ask(images, camids, [theirs for _, theirs in pupil.stages])


def _overhaul(pupil: Pupil, said: Said, maps: Mapping[int, torch.Tensor]) -> torch.Tensor | None:
    """The weighted distance of the feature maps of each image, (B,): a stage counts half of the next deeper one."""
    each = []
    for own, theirs in pupil.stages:
        wanted = said.maps[theirs.number]
        height, width = wanted.shape[2:]
        answer = pupil.learned[f"stage{own.number}"](maps[own.number], (height, width))
        weight = _OVERHAUL_UNIT / 2 ** (_LAST_STAGE - own.number)
        each.append(weight * overhaul_distances(answer, wanted, theirs.margin()))
    return torch.stack(each).sum(dim=0) if each else None
