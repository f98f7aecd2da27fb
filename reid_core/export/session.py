"""ONNX files in ONNX Runtime."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Protocol

from reid_core.errors import CheckpointError, ReidTuneError
from reid_core.export.card import METADATA_KEY, ModelCard, card_beside, parsed

__all__ = ["Session", "card_in", "open_session"]


class Session(Protocol):
    """What is used of onnxruntime.InferenceSession."""

    def get_inputs(self) -> list[Any]:
        """Inputs with name, shape and type."""

    def get_outputs(self) -> list[Any]:
        """Outputs with name, shape and type."""

    def get_modelmeta(self) -> Any:
        """Metadata of the file."""

    def run(self, names: list[str] | None, feed: dict[str, Any]) -> list[Any]:
        """Outputs by name for inputs by name."""


def open_session(path: Path, *, threads: int | None = None, on_gpu: bool = False) -> Session:
    """The network in `path`, computed with `threads`, or on the GPU where the runtime can.

    Raises ReidTuneError where ONNX Runtime is not installed, CheckpointError for a file that it does not load.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ReidTuneError(f"{path} needs onnxruntime", hint="pip install onnxruntime") from error
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
    there = set(runtime.get_available_providers())
    wanted = ["CUDAExecutionProvider"] if on_gpu else []
    providers = [name for name in wanted if name in there] + ["CPUExecutionProvider"]
    try:
        session: Session = runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no base of their own
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} does not load as an ONNX network: {reason}", hint="export it again") from error
    return session


def card_in(session: Session, path: Path) -> ModelCard | None:
    """The card that stands beside the file or in its metadata, None where there is none."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")
    return card_beside(path) or (parsed(text, path) if text else None)
