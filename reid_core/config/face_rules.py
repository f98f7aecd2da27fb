"""What does not go with the face task."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.fault import Fault
from reid_core.config.schema import Config
from reid_core.config.schema.data import Datasets

__all__ = ["face_faults"]


def face_faults(config: Config) -> Iterator[Fault]:
    """Pairs have no gallery: what joins data sets and splits has no meaning."""
    if config.task.name != "face":
        return
    yield from _faces(config.datasets)


def _faces(datasets: Datasets) -> Iterator[Fault]:
    if datasets.combineall:
        message = "DATASETS.COMBINEALL trains on query and gallery, and the face task has pairs"
        yield Fault(("DATASETS.COMBINEALL", "TASK.NAME"), "impossible", message, "set it to false")
    if datasets.layout not in {"auto", "folders", "synthetic"}:
        message = f"DATASETS.LAYOUT {datasets.layout} has no faces: the face task reads a folder a person"
        yield Fault(("DATASETS.LAYOUT", "TASK.NAME"), "impossible", message, "leave DATASETS.LAYOUT at auto")
    for key, names in (("DATASETS.NAMES", datasets.names), ("DATASETS.TESTS", datasets.tests)):
        if len(names) > 1:
            message = f"{key} names {len(names)} data sets, and the face task reads one, DATASETS.ROOT"
            yield Fault((key, "TASK.NAME"), "impossible", message, "put all persons into one folder")
