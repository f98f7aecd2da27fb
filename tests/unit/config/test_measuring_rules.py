"""A key of TEST that a task does not read is refused, so that no report says what was not done."""

import pytest

from reid_core.config import load_config
from reid_core.config.measuring_rules import READ
from reid_core.errors import ConfigError
from reid_core.tasks.cards import shipped_tasks

ON = {
    "METRIC": ("TEST.METRIC", "euclidean"),
    "DSR": ("TEST.METRIC", "dsr"),
    "FLIP": ("TEST.FLIP.ENABLED", True),
    "SCALES": ("TEST.SCALES", [1.0, 1.5]),
    "AQE": ("TEST.AQE.ENABLED", True),
    "RERANK": ("TEST.RERANK.ENABLED", True),
    "ROC": ("TEST.ROC.ENABLED", True),
    "REPEATS": ("TEST.REPEATS", 10),
    "THRES": ("TEST.THRES", 0.3),
}
RECIPES = {"reid": "demo"}


def _blamed(task, key, value):
    try:
        load_config(RECIPES.get(task, task), {key: value})
    except ConfigError as error:
        return [(finding.key, finding.hint) for finding in error.findings]
    return []


def test_every_shipped_task_says_what_it_reads():
    assert set(READ) == set(shipped_tasks())
    assert all(switches <= set(ON) for switches in READ.values())


@pytest.mark.slow
@pytest.mark.parametrize("task", shipped_tasks())
@pytest.mark.parametrize("switch", ON)
def test_a_switch_is_taken_by_the_tasks_that_read_it_alone(task, switch):
    key, value = ON[switch]
    blamed = _blamed(task, key, value)
    if switch in READ[task]:
        assert blamed == []
    else:
        assert [name for name, _ in blamed] == [key]
        assert blamed[0][1].startswith("set it to ")
