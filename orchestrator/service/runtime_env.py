"""A Ray runtime environment: what nodes need to run a study's code, given by a person or made of this installation."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from reid_core.errors import Finding, InvalidInput

__all__ = ["SHIP", "environment_of", "runtime_env_text"]

SHIP = "ship"
"""Send this installation's own packages to the nodes."""
_PACKAGES = ("reid_core", "search_spaces", "orchestrator")


def runtime_env_text(given: str) -> str:
    """What `--runtime-env` was given, in the form that a study keeps: `ship`, or the environment as JSON.

    A file (YAML or JSON) is read. Raises InvalidInput when it is not there or not an environment.
    """
    if not given or given == SHIP or given.lstrip().startswith("{"):
        environment_of(given)
        return given
    try:
        text = Path(given).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(f"cannot read {given}: {error}") from error
    try:
        made = json.dumps(yaml.safe_load(text), sort_keys=True)
    except (yaml.YAMLError, TypeError) as error:
        raise _refused(f"{given} is not YAML of plain values: {error}") from error
    environment_of(made)
    return made


def environment_of(text: str) -> dict[str, Any]:
    """The environment that a study kept, as Ray takes it. Raises InvalidInput for anything else."""
    if not text:
        return {}
    if text == SHIP:
        return {"py_modules": [_folder(name) for name in _PACKAGES]}
    try:
        made = json.loads(text)
    except json.JSONDecodeError as error:
        raise _refused(f"it is neither {SHIP} nor JSON: {error}") from error
    if not isinstance(made, dict) or not isinstance(made.get("env_vars", {}), dict):
        raise _refused("it is not a mapping of Ray's fields (pip, env_vars, py_modules ...)")
    return made


def _folder(package: str) -> str:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise _refused(f"the package {package} is not a folder here, so that it cannot be sent")
    return str(next(iter(found.submodule_search_locations)))


def _refused(message: str) -> InvalidInput:
    return InvalidInput(
        Finding(
            "bad-runtime-env",
            message,
            file="--runtime-env",
            key="runtime_env",
            hint=f"give a YAML file with a Ray runtime environment, or {SHIP}",
        )
    )
