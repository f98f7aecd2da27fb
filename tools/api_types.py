"""Write dashboards/static/js/types/api.d.ts, the API's types; `--check` only says whether it is up to date.

python tools/api_types.py [--check]

One interface for each view of the API's OpenAPI document and of the pages' own answers; `Answers` and `Bodies` name
them by verb and path. What only the server writes is always whole: its fields are there, with a default or without.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from generated import write_or_check
from openapi import Schema, answer, openapi_document, operations
from pydantic.json_schema import models_json_schema

from orchestrator.service.views import BoardView

TARGET = Path(__file__).resolve().parents[1] / "dashboards" / "static" / "js" / "types" / "api.d.ts"
OWN = (BoardView,)  # answers that are the pages' own and in no OpenAPI document
_REFS = "#/components/schemas/{model}"
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_HEAD = "// Written by tools/api_types.py from the API's OpenAPI document. Do not edit.\n"


def page() -> str:
    """Write the whole file."""
    document = openapi_document()
    _, own = models_json_schema([(model, "serialization") for model in OWN], ref_template=_REFS)
    schemas: dict[str, Schema] = {**own.get("$defs", {}), **document["components"]["schemas"]}
    sent = _reachable(_refs([operation.get("requestBody", {}) for *_, operation in operations(document)]), schemas)
    parts = [_declaration(name, schemas[name], whole=name not in sent) for name in sorted(schemas)]
    return "\n".join([_HEAD, *parts, *_operation_maps(document)])


def _operation_maps(document: Schema) -> Iterator[str]:
    """`Answers` and `Bodies`: which type comes back from, and goes to, each verb and path."""
    answers, bodies = [], []
    for method, path, operation in operations(document):
        answers.append(f'  "{method} {path}": {_content(answer(operation))};')
        if "requestBody" in operation:
            bodies.append(f'  "{method} {path}": {_content(operation["requestBody"])};')
    for name, rows in (("Answers", answers), ("Bodies", bodies)):
        yield "\n".join([f"export interface {name} {{", *rows, "}", ""])


def _content(told: Schema) -> str:
    schema = told.get("content", {}).get("application/json", {}).get("schema")
    return _type(schema, "  ") if schema else "unknown"


def _declaration(name: str, schema: Schema, *, whole: bool) -> str:
    note = _comment(schema, "")
    name = name.replace("-", "")
    if schema.get("type") == "object" and "properties" in schema:
        return f"{note}export interface {name} {_object(schema, '', whole=whole)}\n"
    return f"{note}export type {name} = {_type(schema, '')};\n"


def _object(schema: Schema, indent: str, *, whole: bool) -> str:
    required = set(schema["properties"]) if whole else set(schema.get("required", ()))
    lines = []
    for key, value in schema["properties"].items():
        lines.append(_comment(value, f"{indent}  ") + f"{indent}  {_key(key)}{'' if key in required else '?'}: ")
        lines[-1] += f"{_type(value, f'{indent}  ', whole=whole)};"
    return "\n".join(["{", *lines, f"{indent}}}"])


def _type(schema: Schema, indent: str, *, whole: bool = True) -> str:
    """A schema as a type expression."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].replace("-", "")
    if "const" in schema or "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    for several, join in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if several in schema:
            return join.join(dict.fromkeys(_type(each, indent, whole=whole) for each in schema[several]))
    return _shape(schema, indent, whole=whole)


def _shape(schema: Schema, indent: str, *, whole: bool) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(_type(each, indent, whole=whole) for each in schema['prefixItems'])}]"
    kind = schema.get("type")
    if kind == "array":
        return f"Array<{_type(schema.get('items', {}), indent, whole=whole)}>"
    if kind == "object" and "properties" in schema:
        return _object(schema, indent, whole=whole)
    if kind == "object":
        more = schema.get("additionalProperties", {})
        return f"Record<string, {_type(more if isinstance(more, Mapping) else {}, indent, whole=whole)}>"
    return _PLAIN.get(str(kind), "any")


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _comment(schema: Schema, indent: str) -> str:
    text = str(schema.get("description", "")).strip().replace("*/", "* /")
    return f"{indent}/** {' '.join(text.split())} */\n" if text else ""


def _refs(value: object) -> set[str]:
    """The names that a part of the document refers to."""
    if isinstance(value, Mapping):
        named = {str(value["$ref"]).rpartition("/")[2]} if isinstance(value.get("$ref"), str) else set()
        return named.union(*map(_refs, value.values()))
    return set().union(*map(_refs, value)) if isinstance(value, list) else set()


def _reachable(names: set[str], schemas: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    while names - found:
        fresh = names - found
        found |= fresh
        names = names.union(*(_refs(schemas[name]) for name in fresh if name in schemas))
    return found


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, page(), sys.argv[1:]))
