"""The file of a model that a command is given by a study's name or a path, without a look at studies for a path."""

from __future__ import annotations

from pathlib import Path

__all__ = ["model_file"]


def model_file(model: str) -> Path:
    """What `find_model` finds for STUDY|FILE; a file needs no home folder. Raises NotFound, UsageError."""
    path = Path(model).expanduser()
    if path.is_file():
        return path
    from orchestrator.service.model_out.find import find_model  # noqa: PLC0415 - it loads torch and a database
    from orchestrator.service.service import Service  # noqa: PLC0415

    return find_model(Service(), model).path
