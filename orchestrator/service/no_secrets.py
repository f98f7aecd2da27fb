"""A request with a password in an address is refused: what a study was asked for stays in its log for ever."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.service.secrets import redacted
from orchestrator.service.views import StudyRequest
from reid_core.errors import Finding, InvalidInput

__all__ = ["check_no_secrets"]

_HINT = "leave it out: credentials come from the environment of the processes that need them"


def check_no_secrets(request: StudyRequest) -> None:
    """Raise InvalidInput with a Finding for each address that carries a password, token or key."""
    findings = [
        Finding("secret", f"{redacted(text)} carries a secret", file=f"--{key.replace('_', '-')}", key=key, hint=_HINT)
        for key, text in _texts(request.model_dump(mode="json"), "")
        if redacted(text) != text
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
