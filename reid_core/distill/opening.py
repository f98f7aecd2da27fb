"""Files become teachers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from reid_core.config import Config, from_values, load_config, to_values
from reid_core.config.teachers import TeacherFile
from reid_core.distill.knowledge import Knowledge
from reid_core.distill.onnx_teacher import OnnxTeacher
from reid_core.distill.teacher import NetworkTeacher, Teacher
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine.checkpoint import Checkpoint
from reid_core.engine.compute import Compute
from reid_core.engine.contents import network_of
from reid_core.engine.durable import sha256_of
from reid_core.errors import ConfigError, Finding
from reid_core.modeling import Architecture
from reid_core.modeling.weights import load_model_state
from reid_core.modeling.weights.describe import describe_file
from reid_core.modeling.weights.reading import read_weights
from reid_core.tasks.task import task_of

__all__ = ["open_teacher"]

_KEY = "KD.MODEL_WEIGHTS"
_DECIDE = ("MODEL.", "INPUT.SIZE_TEST", "TASK.")
_DO_NOT = ("MODEL.DEVICE", "MODEL.WEIGHTS", "MODEL.LOSSES.", "MODEL.BACKBONE.PRETRAIN")


def open_teacher(file: TeacherFile, image_size: tuple[int, int], compute: Compute) -> Teacher:
    """The teacher of `file`, on the device of `compute`; `image_size` is for a network that takes any.

    ConfigError: its file does not hold a whole model, or what reads it is not installed. CheckpointError: it is torn.
    """
    digest = sha256_of(file.path)
    if file.is_onnx:
        on_gpu = compute.device.type == "cuda"
        return OnnxTeacher(file.path, image_size=image_size, identity=digest, on_gpu=on_gpu)
    given = load_config(file.config).config if file.config else None
    config, model, known = _opened(file.path, given)
    compute.place(model)
    identity = f"{digest} {_settings(config)}"
    return NetworkTeacher(str(file.path), model, config.input.size_test, identity=identity, known=known)


def _opened(path: Path, given: Config | None) -> tuple[Config, Architecture, Knowledge]:
    """The model of a file with the configuration `given`, or its own, and what is known of it."""
    try:
        state = checkpoints.load(path)
    except checkpoints.ForeignFile as error:
        if given is not None:
            return given, _foreign(path, given), Knowledge(network_of(given))
        hint = "FastReID's .pth needs its configuration file in KD.MODEL_CONFIG; an ONNX file ends with .onnx"
        raise ConfigError(Finding("no-config", f"{_KEY}: {error.message}", hint=hint, key="KD.MODEL_CONFIG")) from error
    config = given or from_values(state.values)
    return config, _own(path, config, state), Knowledge(network_of(config), config.task.name, state.trained_on)


def _own(path: Path, config: Config, state: Checkpoint) -> Architecture:
    """A checkpoint of ours: its averaged weights where it kept some, which are what was measured."""
    model = task_of(config).model(config, state.identities, pretrained=False)
    tensors = state.parts["average"]["values"] if "average" in state.parts else state.model
    shapes, own = ({name: value.shape for name, value in one.items()} for one in (tensors, model.state_dict()))
    if shapes == own:
        model.load_state_dict(tensors)
    else:  # another's configuration: it says what does not fit
        load_model_state(model, tensors, source=str(path))
    return model


def _foreign(path: Path, config: Config) -> Architecture:
    """A file of another tool, with the configuration that goes with it."""
    file = read_weights(path)
    identities = describe_file(file).identities
    if not identities:
        hint = "a teacher is a whole model, with its head and classifier"
        raise ConfigError(Finding("impossible", f"{_KEY}: {path} has no classifier", hint=hint, key=_KEY))
    model = task_of(config).model(config, identities, pretrained=False)
    load_model_state(model, file.tensors, source=str(path))
    return model


def _settings(config: Config) -> str:
    """A digest of what decides, beside its weights, what a model says of an image."""
    values = {
        key: value
        for key, value in to_values(config).items()
        if key.startswith(_DECIDE) and not key.startswith(_DO_NOT)
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
