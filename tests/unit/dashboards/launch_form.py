"""The launch form as a browser sends it."""

from __future__ import annotations

from dashboards.form import groups, parameter_fields


def untouched(space):
    """What a browser sends of a form that nobody changed."""
    values = {one.name: "" for _, fields in groups(space.space) for one in fields}
    for item in parameter_fields(space):
        values |= {item.name(part): text for part, text in item.texts.items()}
        values |= {item.name("vary"): "1", item.name("fix"): ""} | ({item.name("log"): "1"} if item.log else {})
    return values
