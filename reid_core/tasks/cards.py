"""The tasks by name: those that ship, and those of installed packages (entry points of the group reid_core.tasks)."""

from __future__ import annotations

import functools
import logging
from dataclasses import replace
from importlib.metadata import entry_points

from reid_core.tasks.card import Measure, TaskCard

__all__ = ["GROUP", "RECALLS", "RETRIEVAL", "card_of", "cards", "shipped_tasks"]

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

RECALLS = (1, 2, 4, 8, 10, 20, 30, 100, 1000)
"""The k of recall at k that instance retrieval can report: those of CUB, Cars, SOP and In-shop."""

_SHIPPED = (
    TaskCard(
        "reid",
        "find the same identity in a gallery",
        "reid_core.tasks.reid.task:ReidTask",
        RETRIEVAL,
        best="mAP",
        shown=("mAP", "mINP", "rank1"),
    ),
    TaskCard(
        "classification",
        "name the class of an image",
        "reid_core.tasks.classification.task:ClassificationTask",
        {
            "top1": Measure("top-1"),
            "top5": Measure("top-5"),
            "cross_entropy": Measure("cross-entropy", fraction=False, lower_is_better=True),
        },
        best="top1",
        shown=("top1", "top5", "cross_entropy"),
    ),
    TaskCard(
        "attributes",
        "say which attributes an image has",
        "reid_core.tasks.attributes.task:AttributesTask",
        {
            "mA": Measure("mA"),
            "F1": Measure("F1"),
            "accuracy": Measure("accuracy"),
            "precision": Measure("precision"),
            "recall": Measure("recall"),
        },
        best="mA",
        shown=("mA", "F1", "accuracy"),
    ),
    TaskCard(
        "adaptation",
        "find the same identity in a gallery, learned from images without labels",
        "reid_core.tasks.adaptation.task:AdaptationTask",
        RETRIEVAL,
        best="mAP",
        shown=("mAP", "mINP", "rank1"),
    ),
    TaskCard(
        "pretraining",
        "learn a backbone from images without labels",
        "reid_core.tasks.pretraining.task:PretrainingTask",
        {
            "contrast_accuracy": Measure("contrast accuracy"),
            "alignment": Measure("alignment", fraction=False, lower_is_better=True),
            "uniformity": Measure("uniformity", fraction=False, lower_is_better=True),
            **RETRIEVAL,
        },
        best="contrast_accuracy",
        shown=("contrast_accuracy", "alignment", "uniformity", "mAP"),
    ),
    TaskCard(
        "face",
        "tell whether two images show the same person's face",
        "reid_core.tasks.face.task:FaceTask",
        {
            "accuracy": Measure("accuracy"),
            "accuracy_std": Measure("deviation of folds", lower_is_better=True),
            "auc": Measure("AUC"),
            "tpr_at_fpr_1e-2": Measure("TPR@FPR 1e-2"),
            "tpr_at_fpr_1e-3": Measure("TPR@FPR 1e-3"),
            "tpr_at_fpr_1e-4": Measure("TPR@FPR 1e-4"),
        },
        best="accuracy",
        shown=("accuracy", "auc", "tpr_at_fpr_1e-3"),
    ),
    TaskCard(
        "retrieval",
        "find other images of an object whose class nobody trained on",
        "reid_core.tasks.retrieval.task:RetrievalTask",
        {
            "recall1": Measure("recall@1"),
            "map_at_r": Measure("MAP@R"),
            "r_precision": Measure("R-precision"),
            **{f"recall{k}": Measure(f"recall@{k}") for k in RECALLS[1:]},
        },
        best="recall1",
        shown=("recall1", "map_at_r", "r_precision"),
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
            found[card.name] = replace(card, source=entry.dist.name if entry.dist is not None else entry.value)
    return found


def shipped_tasks() -> tuple[str, ...]:
    """The names of the tasks of this package."""
    return tuple(card.name for card in _SHIPPED)


def card_of(name: str) -> TaskCard:
    """The card of TASK.NAME `name`. Raises KeyError; the configuration's check says it better."""
    return cards()[name]
