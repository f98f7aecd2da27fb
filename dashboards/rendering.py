"""Jinja2 templates with our filters, and the import map that names the vendored modules."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from dashboards.formats import filters
from dashboards.people import may_act, person_of

__all__ = ["IMPORT_MAP", "STATIC", "Renderer", "environment", "import_map_hash"]

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
IMPORT_MAP = json.dumps(
    {
        "imports": {
            "preact": "/static/vendor/preact.js",
            "preact/hooks": "/static/vendor/preact-hooks.js",
            "@preact/signals-core": "/static/vendor/signals-core.js",
            "@preact/signals": "/static/vendor/signals.js",
            "htm": "/static/vendor/htm.js",
            "htm/preact": "/static/vendor/htm-preact.js",
            "uplot": "/static/vendor/uplot.js",
        }
    },
    separators=(",", ":"),
)
_AS_THE_SYSTEM = "(prefers-color-scheme: dark)"
_DARK_MEDIA = {"dark": "all", "light": "not all"}
"""When the dark tokens hold, by the visitor's cookie: chosen before anything is drawn, without a script."""


def import_map_hash() -> str:
    """The Content-Security-Policy source that allows exactly our import map, the one inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(IMPORT_MAP.encode()).digest()).decode()}'"


def environment() -> Environment:
    """Where this package's templates are rendered."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters)
    made.globals["import_map"] = IMPORT_MAP
    return made


class Renderer:
    """Renders a template of this package. A name that a template misspells is an error, not an empty string."""

    def __init__(self) -> None:
        self._templates = Jinja2Templates(env=environment())

    def __call__(
        self, name: str, request: Request, context: Mapping[str, object], *, status: int = HTTPStatus.OK
    ) -> Response:
        """The page, never cached: it shows the state of now."""
        headers = {"Cache-Control": "no-store"}
        who = {
            "person": person_of(request),
            "may_act": may_act(request),
            "dark_media": _DARK_MEDIA.get(request.cookies.get("theme", ""), _AS_THE_SYSTEM),
        }
        return self._templates.TemplateResponse(request, name, {**who, **context}, status_code=status, headers=headers)
