"""A teacher in a line, for plans, studies, reports and `distill`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.events import Teacher

__all__ = ["teacher_text"]


_LEARNED = {"attributes": ("attribute", "attributes"), "classification": ("class", "classes")}
"""What the classifier of a task tells apart, one and many, where it is no identities."""


def teacher_text(teacher: Teacher, task: str = "reid") -> str:
    """`study:cows: resnet 50x, 256 x 128 pixels, 44 identities; best trial of study cows: trial 3 at epoch 9 …`.

    `task` is that of its students, as TASK.NAME names it.
    """
    one, many = _LEARNED.get(task, ("identity", "identities"))
    known = f", {teacher.identities} {one if teacher.identities == 1 else many}" if teacher.identities else ""
    return f"{teacher.source}: {teacher.network}{known}; {teacher.reason}"
