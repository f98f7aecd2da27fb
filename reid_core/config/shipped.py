"""The recipes that ship with the package, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Recipe", "find_recipe", "recipes"]

_FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A complete training configuration; its file's first comment line describes it."""

    name: str
    description: str
    path: Path


def recipes() -> list[Recipe]:
    """All shipped recipes, by name."""
    return [Recipe(path.stem, _description(path), path) for path in sorted(_FOLDER.glob("*.yaml"))]


def find_recipe(name: str) -> Path | None:
    """Look up the file of the recipe `name`, with or without .yaml."""
    return {path.stem: path for path in _FOLDER.glob("*.yaml")}.get(name.removesuffix(".yaml"))


def _description(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("#").strip()
