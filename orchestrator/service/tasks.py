"""The tasks that models are trained for: what each reports, and which recipes and spaces are its own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from reid_core.config import load_config, read_yaml, recipes
from reid_core.errors import ReidTuneError
from reid_core.tasks.cards import cards
from search_spaces import catalog
from search_spaces.measures import Measures

__all__ = ["TaskView", "tasks"]

_NAME = "TASK.NAME"


class TaskView(BaseModel):
    """A task, by its card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="as TASK.NAME names it")
    summary: str
    measures: Measures = Field(description="what its trials report")
    recipes: tuple[str, ...] = Field(description="configurations for it, by name")
    spaces: tuple[str, ...] = Field(description="spaces of the catalog over these")
    source: str = Field(description="the package that brings it")


def tasks() -> list[TaskView]:
    """Every installed task, those that ship first. A recipe that cannot be loaded belongs to none."""
    by_recipe = _tasks_of_recipes()
    by_space = {name: by_recipe.get(_recipe_of(name), "") for name in catalog.names()}
    return [
        TaskView(
            name=card.name,
            summary=card.summary,
            measures=Measures.of_card(card),
            recipes=tuple(name for name, task in by_recipe.items() if task == card.name),
            spaces=tuple(name for name, task in by_space.items() if task == card.name),
            source=card.source,
        )
        for card in cards().values()
    ]


def _tasks_of_recipes() -> dict[str, str]:
    found: dict[str, str] = {}
    for recipe in recipes():
        try:
            found[recipe.name] = str(load_config(recipe.path).values[_NAME])
        except ReidTuneError:  # that of another's package; using it says what is wrong
            continue
    return found


def _recipe_of(space: str) -> str:
    """The recipe that a space of the catalog names, without reading it; empty where it names none."""
    try:
        raw = read_yaml(catalog.read(space), space).value
    except ReidTuneError:  # as above
        return ""
    recipe = raw.get("recipe") if isinstance(raw, dict) else None
    return recipe.removesuffix(".yaml") if isinstance(recipe, str) else ""
