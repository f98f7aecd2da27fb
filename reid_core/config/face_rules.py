"""What does not go with the face task, and with a classifier that sees a sample of the classes."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.fault import Fault
from reid_core.config.schema import Config
from reid_core.config.schema.data import Datasets

__all__ = ["face_faults", "sampling_faults"]


def face_faults(config: Config) -> Iterator[Fault]:
    """Pairs have no gallery: what refines a ranking has no meaning, nor has what joins data sets and splits."""
    if config.task.name != "face":
        return
    yield from _faces(config.datasets)
    for name, section in (("AQE", config.test.aqe), ("RERANK", config.test.rerank)):
        if section.enabled:
            key = f"TEST.{name}.ENABLED"
            message = f"{key} refines a ranking, and the face task compares pairs"
            yield Fault((key, "TASK.NAME"), "impossible", message, "set it to false")
    if config.test.metric == "dsr":
        message = "TEST.METRIC dsr ranks a gallery, and the face task compares pairs"
        yield Fault(("TEST.METRIC", "TASK.NAME"), "impossible", message, "choose cosine or euclidean")


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


def sampling_faults(config: Config) -> Iterator[Fault]:
    """MODEL.HEADS.PFC gives the logits of some classes only; not everything works on these."""
    if not config.model.heads.pfc.enabled:
        return
    key = "MODEL.HEADS.PFC.ENABLED"
    if config.solver.compile_:
        message = f"{key}: which classes are sampled changes with every batch, and SOLVER.COMPILE wants one shape"
        yield Fault((key, "SOLVER.COMPILE"), "impossible", message, "set SOLVER.COMPILE to false")
    if config.kd.enabled and config.kd.logits.scale > 0.0:
        message = f"{key}: a teacher's logits are of all classes, a sample's are not"
        yield Fault(
            (key, "KD.LOGITS.SCALE"), "impossible", message, "set KD.LOGITS.SCALE to 0, or PFC.ENABLED to false"
        )
    if config.model.heads.name == "AttrHead":
        message = f"{key}: AttrHead answers every question of an image, not which of many classes it shows"
        yield Fault((key, "MODEL.HEADS.NAME"), "impossible", message, "set MODEL.HEADS.PFC.ENABLED to false")
    if config.model.meta_architecture != "Baseline":
        message = f"{key}: {config.model.meta_architecture} has no classifier of sampled classes"
        yield Fault((key, "MODEL.META_ARCHITECTURE"), "impossible", message, "set MODEL.META_ARCHITECTURE to Baseline")
