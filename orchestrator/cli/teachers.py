"""A teacher in a line, for plans, studies, reports and `distill`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.events import Teacher

__all__ = ["teacher_text"]


def teacher_text(teacher: Teacher) -> str:
    """`study:cows: resnet 50x, 256 x 128 pixels, 44 identities; best trial of study cows: trial 3 at epoch 9 …`."""
    known = f", {teacher.identities} identities" if teacher.identities else ""
    return f"{teacher.source}: {teacher.network}{known}; {teacher.reason}"
