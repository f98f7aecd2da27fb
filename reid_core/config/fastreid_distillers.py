"""FastReID's meta-architectures Distiller and DistillerOverhaul, spelled as they are here."""

from __future__ import annotations

import logging
from collections.abc import Mapping

__all__ = ["as_distillation"]

_log = logging.getLogger(__name__)

_ARCHITECTURE, _BACKBONE, _OVERHAUL = "MODEL.META_ARCHITECTURE", "MODEL.BACKBONE.NAME", "KD.OVERHAUL.SCALE"
_TERMS: dict[str, dict[str, object]] = {"Distiller": {}, "DistillerOverhaul": {_OVERHAUL: 1.0}}
_COPIED_BACKBONE = "build_resnet_backbone_distill"
_LISTS = ("KD.MODEL_CONFIG", "KD.MODEL_WEIGHTS")


def as_distillation(values: Mapping[str, object]) -> dict[str, object]:
    """The keys of a file with FastReID's way of asking for distillation in ours; all others as they are.

    A Distiller is a Baseline with KD's terms, the overhaul term on where it is a DistillerOverhaul; its copy of the
    ResNet is the ResNet. Paths may be one text, and the empty text FastReID has for none is no teacher.
    """
    got = dict(values)
    name, backbone = got.get(_ARCHITECTURE), got.get(_BACKBONE)
    if isinstance(name, str) and name in _TERMS:
        got[_ARCHITECTURE] = "Baseline"
        got = _TERMS[name] | got
        terms = "KD.LOGITS and KD.OVERHAUL" if _TERMS[name] else "KD.LOGITS"
        _log.warning(
            "%s %s is read as Baseline with %s, from the teachers of KD.MODEL_WEIGHTS", _ARCHITECTURE, name, terms
        )
    if backbone == _COPIED_BACKBONE:
        got[_BACKBONE] = "build_resnet_backbone"
    for key in _LISTS:
        value = got.get(key)
        if isinstance(value, str):
            got[key] = [value] if value else []
        elif value in ([""], ("",)):
            got[key] = []
    return got
