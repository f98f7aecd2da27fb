"""Which recalls TASK.RETRIEVAL may ask for: those that the task's card names, the first among them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from reid_core.config.fault import Fault
from reid_core.config.schema import Config
from reid_core.tasks.cards import RECALLS

__all__ = ["retrieval_faults"]

_KEY = "TASK.RETRIEVAL.RECALL_AT"


def retrieval_faults(config: Config) -> Iterator[Fault]:
    """Every fault of TASK.RETRIEVAL, and of training on what is asked."""
    if config.task.name == "retrieval" and config.datasets.combineall:
        message = "DATASETS.COMBINEALL trains on query and gallery, whose classes nobody must have seen"
        yield Fault(("DATASETS.COMBINEALL", "TASK.NAME"), "impossible", message, "set it to false")
    asked = config.task.retrieval.recall_at
    listed = f"available: {', '.join(map(str, RECALLS))}"
    for rank in asked:
        if rank not in RECALLS:
            yield Fault((_KEY,), "unknown-value", f"{_KEY}: there is no recall at {rank}", listed)
    if asked[0] != 1 or any(later <= earlier for earlier, later in pairwise(asked)):
        message = f"{_KEY} is {list(asked)}: it must begin with 1, which chooses the best epoch, and increase"
        yield Fault((_KEY,), "impossible", message)
