"""What a task says of itself before anything is computed: its name, its metrics, where its code and files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Measure", "TaskCard"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric that trials report.

    `title` is its name in tables, `fraction` says that it lies in [0, 1] and is shown in percent.
    """

    title: str
    fraction: bool = True
    lower_is_better: bool = False


@dataclass(frozen=True, slots=True)
class TaskCard:
    """A task as TASK.NAME names it.

    `measures` by the names that the task reports, the most telling first; `best` is the one that chooses the best
    epoch and is a space's objective where it names none. `shown` are those in short tables. `implementation` is
    `module:class`, a reid_core.tasks.task.Task, imported when something is computed. `recipes` and `spaces` are folders
    of YAML files that a package outside adds to those shipped; `source` is filled in with the name of that package.
    """

    name: str
    summary: str
    implementation: str
    measures: Mapping[str, Measure]
    best: str
    shown: tuple[str, ...] = ()
    recipes: Path | None = None
    spaces: Path | None = None
    source: str = field(default="reid_core", compare=False)

    def __post_init__(self) -> None:
        """Refuse a card that contradicts itself."""
        unknown = [name for name in (self.best, *self.shown) if name not in self.measures]
        if unknown:
            raise ValueError(f"the task {self.name} has no measure {unknown[0]!r}")
        if self.measures[self.best].lower_is_better:
            raise ValueError(f"{self.best}, by which {self.name} chooses, must be better the higher it is")
