"""Write docs/reference/http.md from the OpenAPI document; `--check` only says whether it is up to date.

python tools/http_reference.py [--check]
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from generated import write_or_check
from openapi import Schema, answer, model_document, openapi_document, operations

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference" / "http.md"
INTRODUCTION = """\
# HTTP

<!-- Written by tools/http_reference.py from the service's OpenAPI document. Do not edit. -->

What `reid-tune serve` and `reid-tune up` answer to programs. `GET /api/v1/openapi.json` is the whole document, with
every field of every body; who may ask what stands under [security](../security.md). Answers are JSON but for streams,
images and CSV. A refusal is `{"error": {"code", "message", "hint", "findings"}}`: the code is stable, a finding names
file, line and key. A read that carries an `ETag` answers 304 to `If-None-Match` while nothing has changed.
"""
_HEAD = ("| request | what it does | query | body | answer |", "|---|---|---|---|---|")
_TITLES = {
    "studies": "Studies",
    "trials": "Trials",
    "spaces": "Spaces and plans",
    "service": "The service",
    "health": "Health and metrics",
}
_MODEL = """\
## A served model

What [`reid-tune serve-model`](../serving.md) answers; `GET /openapi.json` there is its whole document.
"""


def page() -> str:
    """Write the whole page."""
    parts = [INTRODUCTION]
    tagged = sorted(
        ((one["tags"][0], verb, path, one) for verb, path, one in operations(openapi_document())),
        key=lambda told: list(_TITLES).index(told[0]),
    )
    for tag, group in groupby(tagged, key=lambda told: told[0]):
        parts.append(
            "\n".join([f"## {_TITLES[tag]}\n", *_HEAD, *(_row(verb, path, one) for _, verb, path, one in group)]) + "\n"
        )
    served = (_row(verb, path, one) for verb, path, one in operations(model_document()))
    return "\n".join([*parts, _MODEL, *_HEAD, *served]) + "\n"


def _row(verb: str, path: str, operation: Schema) -> str:
    cells = (
        f"`{verb} {path}`",
        " ".join(operation.get("description", operation["summary"]).split()),
        ", ".join(_query(operation)),
        _content(operation.get("requestBody", {})),
        _content(answer(operation)),
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _query(operation: Schema) -> Iterator[str]:
    """Names of the parameters of the query, with what they are."""
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            told = one.get("description", "")
            yield f"`{one['name']}`" + (f" ({told})" if told else "")


def _content(told: Schema) -> str:
    """The type that a body has: a name of the document, or what kind of text."""
    for kind, content in told.get("content", {}).items():
        name = _name(content.get("schema", {}))
        return name or (f"`{kind}`" if kind != "application/json" else "")
    return ""


def _name(schema: Schema) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if schema.get("type") == "array":
        return f"list of {_name(schema['items'])}"
    return ""


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, page(), sys.argv[1:]))
