"""A study's winner in MLflow's model registry."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.service.model_out.find import FoundModel
from orchestrator.service.secrets import redacted
from reid_core.errors import Finding, InvalidInput, ReidTuneError, ServerUnreachable

if TYPE_CHECKING:
    from orchestrator.service.home import Home
    from reid_core.export.card import ModelCard

__all__ = ["EXPERIMENT", "Registered", "register_model"]

EXPERIMENT = "reid-tune models"
"""MLflow's experiment of registered models."""

_ADDRESSES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")
_FORBIDDEN = frozenset("/:.%\"'")


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of a model in the registry at `uri`; `load` is what mlflow.pyfunc.load_model takes."""

    name: str
    version: int
    alias: str
    uri: str
    load: str
    which: str


def register_model(
    found: FoundModel, home: Home, name: str, *, alias: str = "champion", threads: int | None = None
) -> Registered:
    """Register `found` as ONNX with signature, input example and card as the next version of `name`, under `alias`.

    Raises InvalidInput for a name that MLflow refuses, CheckpointError, ServerUnreachable.
    """
    from reid_core.export.card import sidecar_of  # noqa: PLC0415
    from reid_core.export.write import Wanted, export_checkpoint  # noqa: PLC0415 - loads torch

    for key, text in (("name", name), ("alias", alias)):
        if not text or set(text) & _FORBIDDEN:
            raise InvalidInput(Finding("bad-name", f"{text!r} is no {key} of a model", file="--register", key=key))
    uri = home.mlflow_uri
    with tempfile.TemporaryDirectory(prefix="reid-register-") as folder:
        made = export_checkpoint(found.path, Path(folder) / "model.onnx", Wanted(), threads=threads)
        with _mlflow(uri) as mlflow:
            experiment = _experiment(mlflow, uri, home)
            number = _log(mlflow, experiment, found, (made.path, sidecar_of(made.path)), made.card, name)
            mlflow.MlflowClient().set_registered_model_alias(name, alias, str(number))
    load = f"models:/{name}@{alias}"
    return Registered(name, number, alias, redacted(uri), load, found.words)


@contextmanager
def _mlflow(uri: str) -> Iterator[Any]:
    """MLflow on the store at `uri`; afterwards its address in the environment, which it sets itself, is as it was."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow  # noqa: PLC0415 - takes seconds

    before = {key: os.environ.get(key) for key in _ADDRESSES}
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it would like type hints for a schema that it is given
            yield mlflow
    except ReidTuneError:
        raise
    except Exception as error:  # MLflow lets through the errors of every library below it
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ServerUnreachable(
            f"MLflow at {redacted(uri)} cannot be written: {reason[0]}",
            hint="check MLFLOW_TRACKING_URI, then run the command again",
        ) from error
    finally:
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
        for key, value in before.items():
            os.environ.pop(key, None)
            if value is not None:
                os.environ[key] = value


def _log(mlflow: Any, experiment: str, found: FoundModel, files: tuple[Path, Path], card: ModelCard, name: str) -> int:
    """One run that holds the model; the number of its version."""
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415

    from orchestrator.service.model_out import pyfunc as code  # noqa: PLC0415

    example = pd.DataFrame({code.COLUMN: [np.zeros((*card.size, 3), np.uint8).tolist()]})
    with mlflow.start_run(experiment_id=experiment, run_name=f"{name}: {found.title}"):
        mlflow.log_metrics(card.metrics)
        mlflow.set_tags(
            {
                "reid_tune.which": found.words,
                "reid_tune.model": card.name,
                "reid_tune.licence": card.licence.value,
                "reid_tune.data": card.data,
                "reid_tune.protocol": card.protocol,
            }
        )
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(str(code.__file__))),
            artifacts={code.MODEL: str(files[0]), "card": str(files[1])},
            signature=_signature(card),
            input_example=example,
            registered_model_name=name,
            pip_requirements=[f"reid-tune=={version('reid-tune')}", f"onnxruntime=={version('onnxruntime')}"],
            metadata={"card": card.model_dump(mode="json")},
        )
    return int(logged.registered_model_version)


def _signature(card: ModelCard) -> Any:
    """A column of images, each a path or nested lists of pixels; out come rows of `dim` floats."""
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.types.schema import AnyType, ColSpec, Schema, TensorSpec  # noqa: PLC0415

    from orchestrator.service.model_out.pyfunc import COLUMN  # noqa: PLC0415

    inputs = Schema([ColSpec(AnyType(), COLUMN)])
    return ModelSignature(inputs, Schema([TensorSpec(np.dtype(np.float32), (-1, card.dim))]))


def _experiment(mlflow: Any, uri: str, home: Home) -> str:
    there = mlflow.get_experiment_by_name(EXPERIMENT)
    if there is not None:
        return str(there.experiment_id)
    location = (home.mlflow_artifacts / "models").as_uri() if uri.startswith("sqlite:") else None
    return str(mlflow.create_experiment(EXPERIMENT, artifact_location=location))
