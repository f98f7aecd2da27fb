"""Copying a file's tensors into a module: all that belong there, or none and an error that says why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from reid_core.config.weights import PRETRAIN_PATH, existing_weights
from reid_core.errors import CheckpointError
from reid_core.modeling.weights.describe import describe_tensors
from reid_core.modeling.weights.heads import IGNORED, classifiers, translate_model
from reid_core.modeling.weights.inverted_residuals import translate_inverted_residuals
from reid_core.modeling.weights.reading import Tensors, backbone_part, read_weights
from reid_core.modeling.weights.report import LoadReport
from reid_core.modeling.weights.transformers import SKIPPED, fit_transformer

__all__ = ["load_model", "load_model_state", "load_pretrained", "load_state"]

_BACKBONE = "backbone."
_COUNTER = "num_batches_tracked"
_CLASSIFIER = re.compile(r"(teacher\.)?(\w*_)?(fc|classifier|linear|heads?|bottleneck)\d*\.")
_MEMORY = ("memory.", "memo.")  # of MoCo: past features, which begin anew
_ADDED_MODULES = ("se.", "NL_", "sie_embed")


def load_pretrained(backbone: nn.Module, path: Path) -> LoadReport:
    """Load a file of ImageNet (or other) weights into `backbone`, in place.

    Understands the names of FastReID, torchvision, timm, EfficientNet-PyTorch, DINO, PersonViT, and whole models of
    FastReID and Bag of Tricks, of which it takes the backbone. ConfigError: there is no such file. CheckpointError:
    the file is torn, no state dict, or another architecture's; then nothing is loaded.
    """
    existing_weights(PRETRAIN_PATH, str(path))
    return load_state(backbone, backbone_part(read_weights(path).tensors), source=str(path))


def load_model(model: nn.Module, path: Path) -> LoadReport:
    """Load a whole model's file (MODEL.WEIGHTS) into `model`, in place: FastReID's, Bag of Tricks', our checkpoints.

    Class weights of another number of identities stay random, and the report says so. All else must be there and
    have its place, or nothing is loaded: CheckpointError.
    """
    return load_model_state(model, read_weights(path).tensors, source=str(path))


def load_state(backbone: nn.Module, state: Tensors, *, source: str) -> LoadReport:
    """Copy the tensors of `state` that belong to `backbone` into it; `source` names them in errors.

    Missing or foreign normalisation parameters are reported (an IBN or SE variant starts from plain weights); a
    convolution or linear weight that is missing, foreign or of another shape means another architecture:
    CheckpointError.
    """
    notes: list[str] = []
    own = backbone.state_dict()
    named = fit_transformer(translate_inverted_residuals(state, own), backbone, notes)
    # MobileNetV3 ends in a convolution that only FastReID has: as there, it starts from random weights.
    without_head = own.keys() >= {"conv.0.weight", "features.1.block.0.0.weight"} and "conv.0.weight" not in named
    if without_head:
        notes.append("the convolution behind the features (conv) starts from random weights: the file has none")
    report = _report(named, own, notes)
    missing = [
        key
        for key in report.missing
        if own[key].dim() > 1 and not _is_added(key) and not (without_head and key.startswith("conv."))
    ]
    foreign = [
        key
        for key in report.unexpected
        if named[key].dim() > 1 and key not in IGNORED and not _CLASSIFIER.match(key) and not key.startswith(SKIPPED)
    ]
    _refuse(report, own, named, missing=missing, foreign=foreign, state=state, source=source)
    _copy(backbone, report, named)
    return report


def load_model_state(model: nn.Module, state: Tensors, *, source: str) -> LoadReport:
    """`load_model` of tensors that are read already; `source` names them in errors."""
    own = model.state_dict()
    notes: list[str] = []
    named = translate_model(state, own)
    if not any(key.startswith(_BACKBONE) for key in named):
        raise CheckpointError(
            f"{source} is no whole model: it seems to be {describe_tensors(state)}",
            hint="a backbone alone goes into MODEL.BACKBONE.PRETRAIN_PATH; leave MODEL.WEIGHTS empty",
        )
    inner = {key.removeprefix(_BACKBONE): value for key, value in named.items() if key.startswith(_BACKBONE)}
    own_inner = {key.removeprefix(_BACKBONE): value for key, value in own.items() if key.startswith(_BACKBONE)}
    renamed = {f"{_BACKBONE}{key}": value for key, value in translate_inverted_residuals(inner, own_inner).items()}
    beside = {key: value for key, value in named.items() if not key.startswith(_BACKBONE)}
    named = fit_transformer(renamed | beside, model, notes)
    for key in sorted(classifiers(own) & named.keys()):
        theirs, ours = named[key].shape, own[key].shape
        if theirs[0] != ours[0] and theirs[1:] == ours[1:]:
            notes.append(
                f"{key} starts from random weights: {theirs[0]} identities in the file, {ours[0]} in the model"
            )
            del named[key]
    report = _report(named, own, notes)
    missing = [
        key
        for key in report.missing
        if key not in classifiers(own) and "sie_embed" not in key and not key.startswith(_MEMORY)
    ]
    foreign = [key for key in report.unexpected if key not in IGNORED and not _is_spare(key)]
    _refuse(report, own, named, missing=missing, foreign=foreign, state=state, source=source)
    _copy(model, report, named)
    return report


def _report(named: Tensors, own: Tensors, notes: Sequence[str]) -> LoadReport:
    shared = own.keys() & named.keys()
    fitting = {key for key in shared if own[key].shape == named[key].shape}
    return LoadReport(
        loaded=tuple(sorted(fitting)),
        missing=tuple(sorted(key for key in own if key not in named and not key.endswith(_COUNTER))),
        unexpected=tuple(sorted(key for key in named if key not in own)),
        skipped_shape=tuple(sorted(shared - fitting)),
        notes=tuple(notes),
    )


def _copy(module: nn.Module, report: LoadReport, named: Tensors) -> None:
    module.load_state_dict({key: named[key] for key in report.loaded}, strict=False)


def _refuse(
    report: LoadReport,
    own: Tensors,
    named: Tensors,
    *,
    missing: Sequence[str],
    foreign: Sequence[str],
    state: Tensors,
    source: str,
) -> None:
    if not (missing or foreign or report.skipped_shape):
        return
    faults = []
    if report.skipped_shape:
        key = report.skipped_shape[0]
        sizes = f"{tuple(named[key].shape)} in the file, {tuple(own[key].shape)} in the model"
        faults.append(f"{len(report.skipped_shape)} tensors of another shape, as {key} ({sizes})")
    if missing:
        faults.append(f"{len(missing)} weights are missing, as {', '.join(missing[:3])}")
    if foreign:
        faults.append(f"{len(foreign)} weights have no place in the model, as {', '.join(foreign[:3])}")
    raise CheckpointError(
        f"{source} belongs to another architecture: it seems to be {describe_tensors(state)}; {'; '.join(faults)}",
        hint=_advice(foreign, [*report.skipped_shape, *missing, *foreign], state),
    )


def _advice(foreign: Sequence[str], differing: Sequence[str], state: Tensors) -> str:
    for known, advice in _ADVICE:
        if known(foreign, state):
            return advice
    backbone = "MODEL.BACKBONE.NAME, DEPTH and the WITH_ options"
    heads = "MODEL.HEADS.EMBEDDING_DIM, WITH_BNNECK and POOL_LAYER"
    of_heads = ["head" in key.partition(".")[0] for key in differing]  # heads., and b1_head. of models of several parts
    what = heads if all(of_heads) else f"{backbone}, and {heads}" if any(of_heads) else backbone
    return f"check {what} against the file"


_ADVICE: tuple[tuple[Callable[[Sequence[str], Tensors], bool], str], ...] = (
    (
        lambda _, state: "stage2.0.branch1.0.weight" in state,
        "torchvision's ShuffleNetV2 has branches of other widths than FastReID's; take Megvii's file",
    ),
    (
        lambda foreign, _: any(key.endswith("pool_layer.p") for key in foreign),
        "the file's head pools with a learned exponent: set MODEL.HEADS.POOL_LAYER to GeneralizedMeanPoolingP",
    ),
    (
        lambda _, state: any("relative_position_bias_table" in key for key in state),
        "there is no Swin transformer here; take a file of a ViT or a ResNet",
    ),
    (
        lambda _, state: any("patch_embed.conv." in key for key in state),
        "a ViT with a convolutional stem (ICS) is not there; take one with plain patches",
    ),
)


def _is_added(key: str) -> bool:
    """Whether the tensor belongs to a module that plain ImageNet networks do not have."""
    return any(f".{part}" in f".{key}" for part in _ADDED_MODULES)


def _is_spare(key: str) -> bool:
    """Whether a whole model goes without the tensor: it only counts, or classifies."""
    if key.endswith((_COUNTER, ".classifier.bias")) or key.startswith(_MEMORY):
        return True
    return key.removeprefix(_BACKBONE).startswith((*SKIPPED, "fc."))
