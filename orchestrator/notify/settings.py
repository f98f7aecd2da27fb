"""HOME/notify.yaml: who is told what, and how. Secrets stay in the environment; the file names their variables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from orchestrator.notify.notices import NoticeKind
from reid_core.errors import Finding, InvalidInput

__all__ = ["EmailSettings", "NotifySettings", "Security", "WebhookSettings", "load_settings"]

_HINT = "see docs/watching.md for a whole example"
_ALL = (NoticeKind.END, NoticeKind.FAILURE, NoticeKind.BEST, NoticeKind.NODE)


class Security(StrEnum):
    """How a mail server is spoken to."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class _Channel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    on: tuple[NoticeKind, ...] = Field(_ALL, description="what this channel tells")
    every: float = Field(600.0, ge=0, description="seconds between two messages of one kind (best, failure)")
    tries: int = Field(8, ge=1, le=20, description="how often a message is tried, 1, 2, 4, ... 300 seconds apart")
    timeout: float = Field(10.0, gt=0, le=120, description="seconds that the far side may be silent")


class WebhookSettings(_Channel):
    """A JSON POST."""

    kind: Literal["webhook"]
    url: str = Field("", description="http(s)://...; where the address itself is a secret, use url_env")
    url_env: str = Field("", description="environment variable that holds the address")
    secret_env: str = Field("", description="environment variable that holds the key of the signature")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
            raise ValueError("the address must be http://... or https://...")
        return url

    @model_validator(mode="after")
    def _has_one(self) -> WebhookSettings:
        if bool(self.url) == bool(self.url_env):
            raise ValueError("give either url or url_env")
        return self


class EmailSettings(_Channel):
    """A mail by SMTP."""

    kind: Literal["email"]
    to: tuple[str, ...] = Field(min_length=1)
    sender: str = Field(alias="from")
    server: str
    port: int = Field(587, ge=1, le=65535)
    security: Security = Security.STARTTLS
    user_env: str = Field("", description="environment variable with the login; empty: no login")
    password_env: str = Field("", description="environment variable with the password")

    @field_validator("to", "sender")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        for one in (value,) if isinstance(value, str) else value:
            if "@" not in one or any(sign in one for sign in " \r\n,"):
                raise ValueError(f"{one!r} is no mail address")
        return value

    @model_validator(mode="after")
    def _login_is_private(self) -> EmailSettings:
        if bool(self.user_env) != bool(self.password_env):
            raise ValueError("user_env and password_env belong together")
        if self.user_env and self.security is Security.NONE:
            raise ValueError("a password is not sent without encryption: security starttls or tls")
        return self


ChannelSettings: TypeAlias = Annotated[WebhookSettings | EmailSettings, Field(discriminator="kind")]


class NotifySettings(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")], ChannelSettings] = Field(max_length=20)


_ADAPTER = TypeAdapter(NotifySettings)


def load_settings(path: Path) -> NotifySettings | None:
    """The settings, None where there is no such file. Raises InvalidInput with every finding."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(Finding("notify", f"cannot be read: {error}", file=str(path))) from error
    try:
        plain = _without_yaml_booleans(yaml.safe_load(text))
        return _ADAPTER.validate_python(plain)
    except yaml.MarkedYAMLError as error:
        line = 0 if error.problem_mark is None else error.problem_mark.line + 1
        finding = Finding("notify", f"is no YAML: {error.problem}", file=str(path), line=line, hint=_HINT)
        raise InvalidInput(finding) from error
    except (ValidationError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(_findings(error, path)) from error


def _without_yaml_booleans(plain: object) -> object:
    """YAML 1.1 reads the key `on` as true."""
    if isinstance(plain, dict):
        return {"on" if key is True else key: _without_yaml_booleans(value) for key, value in plain.items()}
    return plain


def _findings(error: Exception, path: Path) -> list[Finding]:
    if not isinstance(error, ValidationError):
        return [Finding("notify", "is no YAML", file=str(path), hint=_HINT)]
    made = []
    for fault in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in fault["loc"] if part not in {"webhook", "email", "[key]"})
        what = fault["msg"].removeprefix("Value error, ")
        made.append(Finding("notify", f"{key or 'the file'}: {what}", file=str(path), hint=_HINT, key=key))
    return made
