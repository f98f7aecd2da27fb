"""The recipes by name: those that ship with this package, and those that packages of tasks bring."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reid_core.tasks.cards import cards

__all__ = ["Recipe", "files_by_name", "find_recipe", "recipes"]

_FOLDER = Path(__file__).parent / "recipes"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A complete training configuration; its file's first comment line describes it."""

    name: str
    description: str
    path: Path


@functools.cache
def files_by_name(shipped: Path, kind: Literal["recipes", "spaces"]) -> dict[str, Path]:
    """The YAML files in the folder `shipped` and in those that the cards of tasks name, by name without .yaml.

    Sorted. A file of a package whose name is taken is left out with a warning; shipped names win.
    """
    found = {path.stem: path for path in sorted(shipped.glob("*.yaml"))}
    for card in cards().values():
        folder = card.recipes if kind == "recipes" else card.spaces
        for path in [] if folder is None else sorted(folder.glob("*.yaml")):
            if path.stem in found:
                _log.warning("%s of the task %s is left out: there is one of this name", path, card.name)
            else:
                found[path.stem] = path
    return dict(sorted(found.items()))


def recipes() -> list[Recipe]:
    """All recipes, by name."""
    return [Recipe(name, _description(path), path) for name, path in files_by_name(_FOLDER, "recipes").items()]


def find_recipe(name: str) -> Path | None:
    """Look up the file of the recipe `name`, with or without .yaml."""
    return files_by_name(_FOLDER, "recipes").get(name.removesuffix(".yaml"))


def _description(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("#").strip()
