"""Which keys of KD go together, and with what else. What needs the teachers' files is found when they are opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from reid_core.config.fault import Fault
from reid_core.config.schema import Config

__all__ = ["ONNX_SUFFIX", "distillation_faults"]

ONNX_SUFFIX = ".onnx"
"""How the name of a teacher ends that is no torch file."""


def distillation_faults(config: Config) -> Iterator[Fault]:
    """Every fault of KD."""
    yield from _lists(config)
    if config.kd.enabled:
        yield from _contrast(config)
        yield from _feature_maps(config)


def _lists(config: Config) -> Iterator[Fault]:
    kd = config.kd
    files, configs, weights = kd.model_weights_, kd.model_config_, kd.weights
    if any(not name for name in files):
        yield Fault(("KD.MODEL_WEIGHTS",), "impossible", "KD.MODEL_WEIGHTS names an empty file")
    if configs and len(configs) != len(files):
        message = f"KD.MODEL_CONFIG has {len(configs)} files, and KD.MODEL_WEIGHTS {len(files)}"
        hint = "one for each teacher, in the same order; '' for a checkpoint that carries its configuration"
        yield Fault(("KD.MODEL_CONFIG", "KD.MODEL_WEIGHTS"), "impossible", message, hint)
    teachers = len(files) + kd.ema.enabled
    if weights and len(weights) != teachers:
        message = f"KD.WEIGHTS has {len(weights)} numbers, and there are {teachers} teachers"
        hint = "one for each of KD.MODEL_WEIGHTS and, with KD.EMA, one more; or none"
        yield Fault(("KD.WEIGHTS", "KD.MODEL_WEIGHTS", "KD.EMA.ENABLED"), "impossible", message, hint)
    if len(set(kd.overhaul.layers)) < len(kd.overhaul.layers):
        yield Fault(("KD.OVERHAUL.LAYERS",), "impossible", "KD.OVERHAUL.LAYERS names a stage twice")


def _contrast(config: Config) -> Iterator[Fault]:
    if config.task.name == "pretraining":
        message = "TASK.NAME pretraining runs the backbone in parts and learns from no teacher"
        keys = ("TASK.NAME", "KD.MODEL_WEIGHTS", "KD.EMA.ENABLED")
        yield Fault(keys, "impossible", message, "take KD out, and distil the model that is trained from its backbone")


def _feature_maps(config: Config) -> Iterator[Fault]:
    kd, model = config.kd, config.model
    if kd.overhaul.scale == 0.0:
        return
    if model.meta_architecture == "MGN":
        message = "KD.OVERHAUL compares the stages of one backbone, and MGN has three"
        yield Fault(("KD.OVERHAUL.SCALE", "MODEL.META_ARCHITECTURE"), "impossible", message, "set it to 0")
    if model.backbone.name == "build_vit_backbone":
        message = "KD.OVERHAUL compares feature maps before their ReLU, and build_vit_backbone has none"
        hint = "set it to 0; KD.LOGITS, KD.RELATION and KD.EMBEDDING work with any backbone"
        yield Fault(("KD.OVERHAUL.SCALE", "MODEL.BACKBONE.NAME"), "impossible", message, hint)
    onnx = next((name for name in kd.model_weights_ if PurePath(name).suffix == ONNX_SUFFIX), "")
    if onnx:
        message = f"KD.OVERHAUL compares feature maps inside the networks, and {onnx} does not show them"
        yield Fault(("KD.OVERHAUL.SCALE", "KD.MODEL_WEIGHTS"), "impossible", message, "take the teacher's checkpoint")
    if config.solver.compile_:
        message = "KD.OVERHAUL looks into the model, which SOLVER.COMPILE closes"
        yield Fault(("SOLVER.COMPILE", "KD.OVERHAUL.SCALE"), "impossible", message, "set SOLVER.COMPILE to false")
