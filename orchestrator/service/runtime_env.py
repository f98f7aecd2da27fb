"""A Ray runtime environment: what nodes need to run a study's code, given by a person or made of this installation."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from reid_core.errors import Finding, InvalidInput

__all__ = ["SHIP", "code_in", "environment_of", "runtime_env_text"]

SHIP = "ship"
"""Send this installation's own packages to the nodes."""
_PACKAGES = ("reid_core", "search_spaces", "orchestrator")
_SHOWN = 60
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STEERS = re.compile(
    r"""(PYTHON|LD_|DYLD_|GLIBC_|BASH|PERL|RUBY|NODE_|JAVA|GIT_|RAY_|REID_TUNE_|MPL|FSSPEC_|AWS_|SSL_|XDG_).*
    |.*(PATH|HOME|DIR|ROOT|FILE|CONFIG|OPTIONS|FLAGS|PRELOAD|PLUGINS?|INJECTION\w*|HOOKS?|LIBRAR(Y|IES)|LIBS?|BACKEND)
    |ENV|SHELL(OPTS)?|IFS|PS4|PROMPT_COMMAND|CC|CXX|TE?MP""",
    re.IGNORECASE | re.VERBOSE,
)
"""Variables by which loaders, interpreters, libraries or this program find what they run, and where they read."""
_FILES = re.compile(r"[/\\~$\0]")  # in a value: a file, an address, or another variable


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
    except (json.JSONDecodeError, RecursionError) as error:
        raise _refused(f"it is neither {SHIP} nor JSON: {error}") from error
    if not isinstance(made, dict) or not isinstance(made.get("env_vars", {}), dict):
        raise _refused("it is not a mapping of Ray's fields (pip, env_vars, py_modules ...)")
    return made


def code_in(text: str) -> list[Finding]:
    """What of an environment chooses code or files: all but `ship` and plain variables that steer no loading.

    For requests over the network, which choose no code. Raises InvalidInput for what is no environment.
    """
    made = {} if text == SHIP else environment_of(text)
    found = [_code(f"{name!r} brings code or files to the nodes") for name in made if name != "env_vars"]
    for name, value in made.get("env_vars", {}).items():
        if not _NAME.fullmatch(name) or _STEERS.fullmatch(name):
            found.append(_code(f"env_vars.{name[:_SHOWN]} can make programs load code"))
        elif not isinstance(value, str) or _FILES.search(value):
            found.append(_code(f"env_vars.{name[:_SHOWN]} is no plain word: it names files, or other variables"))
    return found


def _code(message: str) -> Finding:
    hint = f"a request may give {SHIP} or plain env_vars; else start it on the server's machine: `reid-tune run`"
    return Finding("no-code", message, file="--runtime-env", key="runtime_env", hint=hint)


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
