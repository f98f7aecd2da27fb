"""A request with a password in an address or a variable is refused: what was asked for stays in the log for ever."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.service.runtime_env import environment_of
from orchestrator.service.secrets import is_secret_name, redacted
from orchestrator.service.views import StudyRequest
from reid_core.errors import Finding, InvalidInput

__all__ = ["check_no_secrets"]

_NODES = "leave it out, and set it where Ray is started on each node: trials see the environment of its node"
_HINT = "leave it out: credentials come from the environment of the processes that need them"


def check_no_secrets(request: StudyRequest) -> None:
    """Raise InvalidInput with a Finding for each address or variable that carries a password, token or key."""
    findings = [
        Finding("secret", f"{redacted(text)} carries a secret", file=f"--{key.replace('_', '-')}", key=key, hint=_HINT)
        for key, text in _texts(request.model_dump(mode="json"), "")
        if redacted(text) != text
    ]
    findings += [
        Finding("secret", f"env_vars.{name} is a secret", file="--runtime-env", key="runtime_env", hint=_NODES)
        for name, value in environment_of(request.runtime_env).get("env_vars", {}).items()
        if is_secret_name(name) or redacted(str(value)) != str(value)
    ]
    if findings:
        raise InvalidInput(findings)


def _texts(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Each word with an address in it; a space's text is many words."""
    match value:
        case str():
            yield from ((key, word) for word in value.split() if "://" in word)
        case list():
            for one in value:
                yield from _texts(one, key)
        case dict():
            for name, one in value.items():
                yield from _texts(one, key or str(name))
