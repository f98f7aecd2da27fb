"""A whole model of another tool as a checkpoint, which every command takes: to measure, export, index and serve it."""

from __future__ import annotations

from pathlib import Path

from reid_core.config import Config, to_values
from reid_core.engine.checkpoint import Checkpoint, save
from reid_core.errors import Conflict, NotFound
from reid_core.modeling.weights import load_model_state
from reid_core.modeling.weights.describe import describe_file
from reid_core.modeling.weights.reading import read_weights
from reid_core.results import Converted
from reid_core.tasks.task import task_of

__all__ = ["convert"]


def convert(config: Config, path: Path, out: Path) -> Converted:
    """`reid_core.api.convert_weights`."""
    if not path.is_file():
        raise NotFound(f"there is no file {path}", hint="give the path of a file that torch saved")
    if out.exists():
        raise Conflict(f"{out} exists already", hint="give another name, or remove it first")
    file = read_weights(path)
    identities = config.model.heads.num_classes or describe_file(file).identities or 1
    model = task_of(config).model(config, identities, pretrained=False)
    report = load_model_state(model, file.tensors, source=str(path))
    state = Checkpoint(0, 0, identities, to_values(config), {}, None, model.state_dict(), {})
    made = save(state, out)
    return Converted(made.path, made.sha256, identities, len(report.loaded), report.notes)
