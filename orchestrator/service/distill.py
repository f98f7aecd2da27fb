"""One student taught by given models, without a study: its configuration, and what its teachers are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from orchestrator.events import Teacher
from orchestrator.service.service import Service
from orchestrator.service.taught import WEIGHTS, judged
from orchestrator.service.teachers import find_teachers
from reid_core import api
from reid_core.api import Protocol
from reid_core.config import Config, Values, from_values, load_config, to_values
from reid_core.errors import CheckpointError, InvalidInput, UsageError

__all__ = ["TERMS", "Taught", "distilled", "measured_teacher"]

TERMS = MappingProxyType(
    {
        "logits": {"KD.LOGITS.SCALE": 1.0},
        "overhaul": {"KD.OVERHAUL.SCALE": 1.0},
        "relation": {"KD.RELATION.DISTANCE_SCALE": 25.0, "KD.RELATION.ANGLE_SCALE": 50.0},
        "embedding": {"KD.EMBEDDING.SCALE": 1.0},
    }
)
"""What a student may learn from a teacher, each with the scale of its paper (relation, overhaul, logits) or 1."""

_LENT = ("DATASETS.", "TEST.", "DATALOADER.CACHE_DIR", "MODEL.DEVICE")  # what a teacher is measured with


@dataclass(frozen=True, slots=True)
class Taught:
    """A student's configuration, its teachers, and notes about what they know."""

    config: Config
    teachers: tuple[Teacher, ...]
    notes: tuple[str, ...]


def distilled(
    service: Service,
    recipe: str,
    settings: Sequence[tuple[str, object]],
    *,
    teachers: Sequence[str],
    weights: Sequence[float] = (),
    terms: Sequence[str] = (),
    protocol: Protocol = Protocol.TEST,
) -> Taught:
    """The student of `recipe` and `settings`, which come last and win, with these teachers.

    `terms` (see TERMS) replace those of the recipe. Raises UsageError for `weights` of another number than teachers,
    NotFound, ConfigError, DataError, and InvalidInput for a teacher that cannot teach here.
    """
    if weights and len(weights) != len(teachers):
        told = f"--teacher-weight is given {len(weights)} times, and there are {len(teachers)} teachers"
        raise UsageError(told, hint="give one for each --teacher, in the same order, or none")
    known = find_teachers(teachers, service.state, service.home, protocol)
    lessons: dict[str, object] = {key: 0.0 for scales in TERMS.values() for key in scales} if terms else {}
    for term in terms:
        lessons |= TERMS[term]
    lessons[WEIGHTS] = [one.teacher.path for one in known]
    if weights:
        lessons["KD.WEIGHTS"] = list(weights)
    loaded = load_config(recipe, [*lessons.items(), *settings])
    data = api.describe_data(loaded.config)
    logits = loaded.config.kd.logits.scale > 0.0
    found, notes = judged(known, loaded.values, data, protocol, logits=logits)
    if not loaded.config.kd.enabled:
        raise UsageError("every scale of KD is 0: nothing is learned from the teacher", hint="name some --terms")
    return Taught(loaded.config, found, notes)


def measured_teacher(
    teacher: Teacher, student: Config, protocol: Protocol, *, threads: int | None = None
) -> api.Report | str:
    """What a teacher reaches on the student's data under the student's protocol, or why it was not measured."""
    try:
        about = api.describe_checkpoint(Path(teacher.path))
        lent: Values = {key: value for key, value in to_values(student).items() if key.startswith(_LENT)}
        config = from_values({**to_values(about.config), **lent})
        return api.evaluate(config, about.path, protocol=protocol, threads=threads)
    except (CheckpointError, InvalidInput) as error:
        return str(error).splitlines()[0]
