"""What classification and attributes need of a configuration, and what of theirs no other task takes."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.fault import Fault
from reid_core.config.schema import Config
from reid_core.tasks.cards import cards

__all__ = ["classification_faults"]

_TASK = "TASK.NAME"
_CLASSIFICATION, _ATTRIBUTES = "classification", "attributes"
_LAYOUTS = {
    _CLASSIFICATION: ("auto", "folders", "manifest", "synthetic"),
    _ATTRIBUTES: ("auto", "manifest", "synthetic"),
}
_BINARY = "BinaryCrossEntropyLoss"
_CLASSIFYING = ("CrossEntropyLoss", "FocalLoss")


def classification_faults(config: Config) -> Iterator[Fault]:
    """Every fault of a configuration for one of the two tasks, or that takes something of theirs for another."""
    task = config.task.name
    if task in _LAYOUTS:
        yield from _scoring(config)
    if task == _CLASSIFICATION:
        yield from _classes(config)
    if task == _ATTRIBUTES:
        yield from _yes_or_no(config)
    yield from _elsewhere(config)


def _scoring(config: Config) -> Iterator[Fault]:
    task, layout = config.task.name, config.datasets.layout
    if layout not in _LAYOUTS[task]:
        message = f"DATASETS.LAYOUT {layout} says nothing of {task}"
        hint = f"available for it: {', '.join(_LAYOUTS[task])}"
        yield Fault(("DATASETS.LAYOUT", _TASK), "impossible", message, hint)
    architecture = config.model.meta_architecture
    if architecture != "Baseline":
        message = f"{task} needs one classifier of whole images, and {architecture} is another thing"
        yield Fault(("MODEL.META_ARCHITECTURE", _TASK), "impossible", message, "set it to Baseline")


def _classes(config: Config) -> Iterator[Fault]:
    names = config.model.losses.name
    if _BINARY not in names and not set(_CLASSIFYING) & set(names):
        message = f"none of MODEL.LOSSES.NAME ({', '.join(names)}) trains a classifier"
        yield Fault(("MODEL.LOSSES.NAME", _TASK), "impossible", message, f"add one of {', '.join(_CLASSIFYING)}")


def _yes_or_no(config: Config) -> Iterator[Fault]:
    names, heads, sampler = config.model.losses.name, config.model.heads, config.dataloader.sampler_train
    if names != (_BINARY,):
        message = f"attributes are learned by {_BINARY} alone; MODEL.LOSSES.NAME is {', '.join(names)}"
        yield Fault(("MODEL.LOSSES.NAME", _TASK), "impossible", message, f"set it to [{_BINARY}]")
    if heads.name != "AttrHead":
        message = f"{heads.name} tells one class of many, and attributes are answers of their own"
        yield Fault(("MODEL.HEADS.NAME", _TASK), "impossible", message, "set MODEL.HEADS.NAME to AttrHead")
    if heads.cls_layer != "Linear":
        message = f"attributes have no margin, as MODEL.HEADS.CLS_LAYER {heads.cls_layer} wants it"
        yield Fault(("MODEL.HEADS.CLS_LAYER", _TASK), "impossible", message, "set it to Linear")
    if sampler != "TrainingSampler":
        message = f"attributes are no identities for DATALOADER.SAMPLER_TRAIN {sampler}"
        yield Fault(("DATALOADER.SAMPLER_TRAIN", _TASK), "impossible", message, "set it to TrainingSampler")


def _elsewhere(config: Config) -> Iterator[Fault]:
    """A task of somebody else's may use what it likes."""
    task, head = config.task.name, config.model.heads.name
    card = cards().get(task)
    if card is None or card.source != "reid_core" or task == _ATTRIBUTES:
        return
    if _BINARY in config.model.losses.name:
        message = f"{_BINARY} learns attributes, and {task} has none"
        yield Fault(("MODEL.LOSSES.NAME", _TASK), "impossible", message, f"set {_TASK} to {_ATTRIBUTES}")
    if head == "AttrHead" or (head == "ClasHead" and task == "reid"):
        fitting = _ATTRIBUTES if head == "AttrHead" else _CLASSIFICATION
        message = f"MODEL.HEADS.NAME {head} is for {fitting}, not for {task}"
        hint = f"set {_TASK} to {fitting}, or MODEL.HEADS.NAME to EmbeddingHead"
        yield Fault(("MODEL.HEADS.NAME", _TASK), "impossible", message, hint)
