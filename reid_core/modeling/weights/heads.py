"""What lies beside the backbone in whole models: FastReID's two generations, Bag of Tricks, TransReID."""

from __future__ import annotations

import re

import torch

from reid_core.modeling.weights.reading import Tensors

__all__ = ["IGNORED", "classifiers", "translate_model"]

IGNORED = frozenset({"pixel_mean", "pixel_std"})
"""Tensors of FastReID's older files that the configuration holds here: normalisation of the images."""

_BAG_OF_TRICKS = "base."
_OWN = "backbone."
_OLD_HEAD = re.compile(r"((?:\w+_)?heads?)\.(bnneck|classifier)\.(\w+)")
_CLASSIFIER = re.compile(r"(?:\w+_)?heads?\.weight")


def translate_model(tensors: Tensors, own: Tensors) -> dict[str, torch.Tensor]:
    """The tensors of a whole model under the names of `own`, the state dict of the model that takes them.

    Bag of Tricks: base.X, bottleneck.X, classifier.weight -> backbone.X, heads.bottleneck.N.X, heads.weight.
    FastReID before 1.0: heads.bnneck.X, heads.classifier.weight -> heads.bottleneck.N.X, heads.weight; MGN's b1_head
    likewise. N is where the batch norm lies in the model's neck: behind a reduction where there is one.
    """
    if any(name.startswith(_BAG_OF_TRICKS) for name in tensors):
        tensors = {_from_bag_of_tricks(name): value for name, value in tensors.items()}
    return {_from_old_head(name, own): value for name, value in tensors.items()}


def _from_bag_of_tricks(name: str) -> str:
    if name.startswith(_BAG_OF_TRICKS):
        return _OWN + name.removeprefix(_BAG_OF_TRICKS)
    if name.startswith("bottleneck."):
        return name.replace("bottleneck.", "heads.bnneck.", 1)
    return f"heads.{name}" if name.startswith("classifier.") else name


def _from_old_head(name: str, own: Tensors) -> str:
    match = _OLD_HEAD.fullmatch(name)
    if match is None or name in own:  # an attribute head has a bnneck of its own
        return name
    head, part, attribute = match.groups()
    if part == "classifier":
        return f"{head}.weight" if attribute == "weight" else name
    start, end = f"{head}.bottleneck.", ".running_var"
    neck = next((key for key in own if key.startswith(start) and key.endswith(end)), f"{start}0{end}")
    return f"{neck.removesuffix(end)}.{attribute}"


def classifiers(own: Tensors) -> frozenset[str]:
    """The names of the class weights (C, D) of a model: one a head."""
    return frozenset(name for name in own if _CLASSIFIER.fullmatch(name))
