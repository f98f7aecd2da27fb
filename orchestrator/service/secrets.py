"""What must not be read by others: passwords, tokens and keys, made unreadable in any text that is kept or shown.

Everything that writes text for later (the `command` of a study, logs, MLflow tags, the support bundle) passes it
through `redacted` first. It is written for what reid-tune handles: addresses of Ray, stores, buckets and webhooks,
its own tokens, and settings by the names that secrets usually have.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["HIDDEN", "TOKEN_PREFIX", "is_secret_name", "redacted"]

HIDDEN = "***"
"""What stands where a secret was."""
TOKEN_PREFIX = "rtp_"  # noqa: S105 - the start of every token that reid-tune gives out, so that one is recognised
"""The start of every API token of a person."""

_NAME = (
    r"(?:[A-Za-z0-9_.-]{0,64}?(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|private[_-]?key|credentials?|signature|authorization)|pwd|sig|x-amz-[a-z-]{1,40})"
)
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_SHOWN = frozenset({"", HIDDEN, "none", "null", "true", "false"})
_QUOTED = r"\"(?:[^\"\\\n]|\\.){1,4096}\"|'(?:[^'\\\n]|\\.){1,4096}'"


def _keep(template: str) -> Callable[[re.Match[str]], str]:
    return lambda match: match.expand(template)


def _setting(match: re.Match[str]) -> str:
    value = match["value"]
    quote = value[0] if value[0] in "\"'" else ""
    if value.strip("\"'").lower() in _SHOWN:
        return match[0]
    return f"{match['name']}{match['sign']}{quote}{HIDDEN}{quote}"


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (  # scheme://user:password@host, whatever signs the password has but '/' and blanks
        re.compile(r"(?P<head>\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@'\"<>]{0,256}):[^\s/'\"<>]{1,1024}@"),
        _keep(rf"\g<head>:{HIDDEN}@"),
    ),
    (  # scheme://token@host: nobody but a program logs in with a name of twenty signs
        re.compile(r"(?P<head>\b[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^\s/:@'\"<>]{20,1024}@"),
        _keep(rf"\g<head>{HIDDEN}@"),
    ),
    (  # webhooks: the path is the secret
        re.compile(
            r"(?P<head>https?://[^\s/'\"<>]{0,256}?(?:hooks?\.|webhook)[^\s/'\"<>]{0,256}/"
            r"|https?://[^\s/'\"<>]{1,256}/(?:[^\s'\"<>/]{1,64}/){0,4}?(?:web)?hooks?/)[^\s'\"<>]{1,2048}",
            re.IGNORECASE,
        ),
        _keep(rf"\g<head>{HIDDEN}"),
    ),
    (
        re.compile(r"\b(?P<head>(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,4096}", re.IGNORECASE),
        _keep(rf"\g<head>{HIDDEN}"),
    ),
    (re.compile(rf"\b{TOKEN_PREFIX}[A-Za-z0-9_-]{{8,256}}"), _keep(HIDDEN)),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_.-]{8,8192}"), _keep(HIDDEN)),
    (  # --token VALUE, --smtp-password VALUE
        re.compile(
            rf"(?P<name>--{_NAME})(?P<sign>\s+)(?P<value>{_QUOTED}|[^\s'\"-][^\s'\"]{{0,4095}})",
            re.IGNORECASE,
        ),
        _setting,
    ),
    (  # name=value, name: value, "name": "value"
        re.compile(
            rf"(?<![A-Za-z0-9_.-])(?P<name>[\"']?(?:--)?{_NAME}[\"']?)(?P<sign>\s?[=:]\s{{0,8}})"
            rf"(?P<value>{_QUOTED}|[^\s'\"&,;}}\])]{{1,4096}})",
            re.IGNORECASE,
        ),
        _setting,
    ),
)


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret: `password`, `REID_TUNE_TOKEN`, `AWS_SECRET_ACCESS_KEY`."""
    return _SECRET_NAME.fullmatch(name) is not None


def redacted(text: str) -> str:
    """`text` with `***` in place of passwords in addresses, tokens, keys and paths of webhooks.

    What is left says enough to find a fault: schemes, users, hosts and names of settings stay. Redacting twice is
    the same as once.
    """
    for pattern, replace in _RULES:
        text = pattern.sub(replace, text)
    return text
