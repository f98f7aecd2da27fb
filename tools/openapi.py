"""The OpenAPI document of the service, for the programs that write files from it."""  # noqa: INP001 - scripts, not a package

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias, cast

from dashboards.app import create_app
from dashboards.model_app import create_model_app
from orchestrator.service.served_model.service import ModelService, ModelSettings
from orchestrator.service.service import Service

__all__ = ["Schema", "answer", "model_document", "openapi_document", "operations"]

Schema: TypeAlias = Mapping[str, Any]


def openapi_document() -> Schema:
    """What `GET /api/v1/openapi.json` answers."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "home")
        document = create_app(service).openapi()
        service.close()
    return document


def model_document() -> Schema:
    """What `GET /openapi.json` of a served model answers."""
    never_asked = SimpleNamespace(settings=ModelSettings(), batches=None)
    unasked = cast("ModelService", never_asked)
    return create_model_app(unasked).openapi()


def operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield verb, path and description of each operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def answer(operation: Schema) -> Schema:
    """What a request that succeeds is answered with; empty where nothing is said of it."""
    told: Schema = next((told for status, told in operation["responses"].items() if status.startswith("2")), {})
    return told
