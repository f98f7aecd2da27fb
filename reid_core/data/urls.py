"""URLs that fsspec knows: what is wrong with one, told before any work, and the file system behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Fault", "fault_of", "opened"]

_EXTRAS = {"s3": "s3", "s3a": "s3"}
_CONNECTION = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 1}}
"""Who cannot connect is told soon; what fails is tried again by who asks."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a URL cannot be used. A message about credentials does not hold them; a URL may."""

    code: str
    message: str
    hint: str


def fault_of(url: str) -> Fault | None:
    """Credentials in the URL, an unknown protocol, a missing package; None when it can be used."""
    import fsspec  # noqa: PLC0415 - loads many modules; only who has a URL needs it

    parts = urlsplit(url)
    if parts.username or parts.password:
        hint = "give them in the environment (AWS_ACCESS_KEY_ID …)"
        return Fault("credentials", "the URL holds credentials", hint)
    try:
        fsspec.get_filesystem_class(parts.scheme)
    except ValueError as error:
        return Fault("unknown-protocol", str(error), "use s3, https, file, memory or another of fsspec's")
    except ImportError as error:
        extra = _EXTRAS.get(parts.scheme)
        hint = f"pip install 'reid-tune[{extra}]'" if extra else f"install what fsspec needs for {parts.scheme}"
        return Fault("missing-package", f"{parts.scheme}:// needs a package: {error}", hint)
    return None


def opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, which remembers no listings, and the place in it."""
    import fsspec  # noqa: PLC0415 - as above

    options: dict[str, Any] = {"use_listings_cache": False}
    if urlsplit(url).scheme in _EXTRAS:
        options["config_kwargs"] = dict(_CONNECTION)
    files, root = fsspec.core.url_to_fs(url, **options)
    return files, str(root)
