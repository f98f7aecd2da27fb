"""Rows: named configurations in an order, each what the one above is and a little more. An ablation is such a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reid_core.config import Value, Values

__all__ = ["RECIPE", "Published", "Row", "parents", "row_keys", "row_values"]

RECIPE = "recipe"
"""What `adds_to` says for a row that begins at the recipe instead of at another row."""

_Name = Annotated[str, Field(strict=True, min_length=1)]
_Percent = Annotated[float, Field(strict=True, ge=0.0, le=100.0, allow_inf_nan=False)]


class Row(BaseModel):
    """One configuration of a space with rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name = Field(description="for tables; each row has its own")
    set: Values = Field(default_factory=dict, description="configuration keys that differ from the row it adds to")
    adds_to: _Name | None = Field(
        None, description=f"a row further up, or `{RECIPE}`; default: the row above, for the first the recipe"
    )
    published: dict[str, dict[str, _Percent]] = Field(
        default_factory=dict, description="by column of `published`: metrics in percent, as printed there"
    )


class Published(BaseModel):
    """A column of numbers that others have published, to stand beside the measured ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name = Field(description="heading of the column")
    source: str = Field("", description="where the numbers were published")


def parents(rows: Sequence[Row]) -> dict[str, str | None]:
    """The row that each row adds to, by name; None for the recipe. Sound rows only."""
    found: dict[str, str | None] = {}
    above: str | None = None
    for row in rows:
        wanted = row.adds_to or above
        found[row.name] = None if wanted == RECIPE else wanted
        above = row.name
    return found


def row_keys(rows: Sequence[Row]) -> list[str]:
    """Every key that a row sets, in the order of the first that does."""
    return list(dict.fromkeys(key for row in rows for key in row.set))


def row_values(rows: Sequence[Row], base: Mapping[str, Value]) -> dict[str, Values]:
    """What each row is, by name: a value for every key that any row sets, so that rows can be compared.

    A key that a row and those it adds to leave alone has its value in `base`; where that has none, it is left out.
    """
    above, keys = parents(rows), row_keys(rows)
    own: dict[str, Values] = {}
    for row in rows:
        parent = above[row.name]
        own[row.name] = {**(own[parent] if parent is not None else {}), **row.set}
    whole = {name: {**{key: base[key] for key in keys if key in base}, **values} for name, values in own.items()}
    return {name: {key: values[key] for key in keys if key in values} for name, values in whole.items()}
