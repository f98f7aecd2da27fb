"""Which keys of TEST each task reads: what would change nothing is refused, not passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reid_core.config.fault import Fault
from reid_core.config.schema import Config
from reid_core.config.schema.testing import Test

__all__ = ["READ", "measuring_faults"]

_RANKING = frozenset({"METRIC", "DSR", "FLIP", "SCALES", "AQE", "RERANK", "ROC"})

READ: Mapping[str, frozenset[str]] = {
    "reid": _RANKING | {"REPEATS"},
    "adaptation": _RANKING | {"REPEATS"},
    "retrieval": _RANKING,
    "pretraining": _RANKING,
    "face": frozenset({"METRIC", "FLIP", "SCALES"}),
    "classification": frozenset({"FLIP"}),
    "attributes": frozenset({"FLIP", "THRES"}),
}
"""What a shipped task reads of TEST; DSR is its METRIC dsr. A task of another package may read what it likes."""

_WHY = {
    "METRIC": "is about the distance of two embeddings",
    "DSR": "ranks a gallery by parts of images",
    "SCALES": "is about embeddings",
    "AQE": "refines a ranking of a gallery",
    "RERANK": "refines a ranking of a gallery",
    "ROC": "is about ranking a gallery",
    "REPEATS": "draws galleries of one image an identity",
    "THRES": "says which probability is a yes to an attribute",
}


def measuring_faults(config: Config) -> Iterator[Fault]:
    """Every key of TEST that differs from its default, and that the task does not read."""
    read = READ.get(config.task.name)
    if read is None:
        return
    for switch, (key, default) in _changed(config.test).items():
        if switch not in read:
            message = f"{key} {_WHY[switch]}, which the task {config.task.name} does not do"
            yield Fault((key, "TASK.NAME"), "impossible", message, f"set it to {default}")


def _changed(test: Test) -> dict[str, tuple[str, str]]:
    """The switches that are on, each with its key and what turns it off."""
    metric = "DSR" if test.metric == "dsr" else "METRIC"
    states = {
        metric: (test.metric != "cosine", "TEST.METRIC", "cosine"),
        "SCALES": (test.scales != (1.0,), "TEST.SCALES", "[1.0]"),
        "REPEATS": (test.repeats > 0, "TEST.REPEATS", "0"),
        "AQE": (test.aqe.enabled, "TEST.AQE.ENABLED", "false"),
        "RERANK": (test.rerank.enabled, "TEST.RERANK.ENABLED", "false"),
        "ROC": (test.roc.enabled, "TEST.ROC.ENABLED", "false"),
        "THRES": (test.thres != Test().thres, "TEST.THRES", f"{Test().thres:g}"),
    }
    return {switch: (key, off) for switch, (changed, key, off) in states.items() if changed}
