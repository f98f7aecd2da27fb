"""Every shipped task has recipes, and its card's best measure."""

from __future__ import annotations

import pytest

from orchestrator.service.tasks import tasks
from reid_core.config import load_config
from reid_core.tasks.cards import cards, shipped_tasks


@pytest.mark.slow
def test_every_task_has_a_recipe_of_its_own():
    found = {task.name: task for task in tasks()}
    assert tuple(name for name in found if name in shipped_tasks()) == shipped_tasks()
    for name in shipped_tasks():
        assert found[name].recipes, name
        assert all(load_config(recipe).config.task.name == name for recipe in found[name].recipes)
        assert found[name].measures.best == cards()[name].best
