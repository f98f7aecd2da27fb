"""What goes together where TASK.NAME is adaptation."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.fault import Fault
from reid_core.config.schema import Config

__all__ = ["adaptation_faults"]

_KEY = "TASK.NAME"
_SAMPLER = "BalancedIdentitySampler"


def adaptation_faults(config: Config) -> Iterator[Fault]:
    """Every fault of a training on clusters.

    K1 and K2 without jaccard and PROXY_SCALE without CAMERAS proxies change nothing, as their help says.
    """
    if config.task.name != "adaptation":
        return
    yield from _model(config)
    yield from _training(config)
    settings = config.task.adaptation
    if settings.metric == "jaccard" and settings.eps >= 1.0:
        message = (
            f"no jaccard distance is above 1, and TASK.ADAPTATION.EPS is {settings.eps:g}: one cluster has them all"
        )
        yield Fault(("TASK.ADAPTATION.EPS", "TASK.ADAPTATION.METRIC"), "impossible", message, "0.4 to 0.7 is usual")
    if settings.cameras != "none" and config.datasets.no_cameras:
        key = "TASK.ADAPTATION.CAMERAS"
        message = f"{key} is {settings.cameras}, but DATASETS.NO_CAMERAS says that there are no camera ids"
        yield Fault((key, "DATASETS.NO_CAMERAS"), "impossible", message, "set it to none")


def _model(config: Config) -> Iterator[Fault]:
    model = config.model
    if model.meta_architecture != "Baseline":
        message = f"{_KEY} adaptation clusters one embedding, and {model.meta_architecture} learns more"
        yield Fault(("MODEL.META_ARCHITECTURE", _KEY), "impossible", message, "set it to Baseline")
    if model.heads.cls_layer != "Linear":
        message = f"{_KEY} adaptation has the means of clusters in place of {model.heads.cls_layer}"
        yield Fault(("MODEL.HEADS.CLS_LAYER", _KEY), "impossible", message, "set it to Linear")
    if model.heads.pfc.enabled:
        message = f"{_KEY} adaptation has the means of clusters in place of a classifier whose classes are sampled"
        yield Fault(("MODEL.HEADS.PFC.ENABLED", _KEY), "impossible", message, "set it to false")
    if model.heads.name == "ClasHead":
        message = f"MODEL.HEADS.NAME ClasHead is for classification, and {_KEY} adaptation compares embeddings"
        yield Fault(("MODEL.HEADS.NAME", _KEY), "impossible", message, "set it to EmbeddingHead")
    if model.heads.num_classes:
        message = f"{_KEY} adaptation finds out how many clusters there are"
        yield Fault(("MODEL.HEADS.NUM_CLASSES", _KEY), "impossible", message, "set it to 0")
    if "CrossEntropyLoss" not in model.losses.name:
        message = f"{_KEY} adaptation learns clusters by CrossEntropyLoss, which MODEL.LOSSES.NAME lacks"
        yield Fault(("MODEL.LOSSES.NAME", _KEY), "impossible", message, "add CrossEntropyLoss")
    if "CenterLoss" in model.losses.name:
        message = "CenterLoss keeps a center for each class, and clusters change from epoch to epoch"
        yield Fault(("MODEL.LOSSES.NAME", _KEY), "impossible", message, "take it out")


def _training(config: Config) -> Iterator[Fault]:
    if config.dataloader.sampler_train != _SAMPLER:
        message = f"{_KEY} adaptation draws clusters equally often, not as {config.dataloader.sampler_train}"
        yield Fault(("DATALOADER.SAMPLER_TRAIN", _KEY), "impossible", message, f"set it to {_SAMPLER}")
    if config.solver.compile_:
        message = "SOLVER.COMPILE would compile the model anew for every number of clusters"
        yield Fault(("SOLVER.COMPILE", _KEY), "impossible", message, "set it to false")
    if config.kd.enabled and config.kd.logits.scale > 0:
        message = "a teacher's classes are not the student's clusters"
        yield Fault(("KD.LOGITS.SCALE", _KEY), "impossible", message, "set it to 0; KD.EMBEDDING and others work")
