"""The tasks by name: those that ship, and those of installed packages (entry points of the group reid_core.tasks)."""

from __future__ import annotations

import functools
import logging
from importlib.metadata import entry_points

from reid_core.tasks.card import Measure, TaskCard

__all__ = ["GROUP", "RETRIEVAL", "card_of", "cards"]

GROUP = "reid_core.tasks"
"""The entry-point group; each entry is a TaskCard."""

RETRIEVAL = {
    "mAP": Measure("mAP"),
    "mINP": Measure("mINP"),
    "rank1": Measure("rank-1"),
    "rank5": Measure("rank-5"),
    "rank10": Measure("rank-10"),
}
"""What every ranking of a gallery by queries reports."""

_SHIPPED = (
    TaskCard(
        "reid",
        "find the same identity in a gallery",
        "reid_core.tasks.reid.task:ReidTask",
        RETRIEVAL,
        best="mAP",
        shown=("mAP", "mINP", "rank1"),
    ),
)

_log = logging.getLogger(__name__)


@functools.cache
def cards() -> dict[str, TaskCard]:
    """Every task by name. A package whose card cannot be loaded is left out with a warning; shipped names win."""
    found = {card.name: card for card in _SHIPPED}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            card = entry.load()
        except Exception as error:  # noqa: BLE001 - another's package may fail in any way, and the rest must work
            _log.warning("the task %s (%s) cannot be loaded: %s", entry.name, entry.value, error)
            continue
        if not isinstance(card, TaskCard):
            _log.warning("the task %s: %s is no TaskCard", entry.name, entry.value)
        elif card.name in found:
            _log.warning("the task %s of %s is left out: there is one of this name", card.name, entry.value)
        else:
            found[card.name] = card
    return found


def card_of(name: str) -> TaskCard:
    """The card of TASK.NAME `name`. Raises KeyError; the configuration's check says it better."""
    return cards()[name]
