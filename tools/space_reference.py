"""Write docs/reference/space-grammar.md from the model of a space; `--check` only says whether it is up to date.

python tools/space_reference.py [--check]
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from generated import write_or_check
from pydantic import BaseModel

from search_spaces import catalog
from search_spaces.load import load_space
from search_spaces.model import FILE_FIELDS, Budget, Choice, Float, Int, Objective, Resources, Search, Space
from search_spaces.rows import Published, Row
from search_spaces.tied import Tied

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference" / "space-grammar.md"

INTRODUCTION = """\
# Search spaces

<!-- Written by tools/space_reference.py from search_spaces/model.py. Do not edit. -->

A space is a YAML file: a recipe, and what varies in it. `reid-tune --space FILE` searches it, `reid-tune space
validate FILE` checks it, `reid-tune space show FILE` prints it. A bare name is looked up in the current folder, then
in the catalog.

```yaml
{example}```
"""

RULES = """\
## Rules

- The default of a parameter is its `prior`, else the recipe's value. All defaults together are the first configuration;
  they must lie inside the bounds and satisfy the constraints.
- A parameter whose `when` does not hold is inactive: it keeps the recipe's value and does not count for the search.
  Conditions may name parameters and other keys; they may not go round in a circle.
- `--set KEY VALUE` wins over everything; a parameter that is set no longer varies. `--max-epochs` replaces the
  budget's, and what counts in epochs (warm-up, steps, such parameters' bounds) is scaled with it.
- A space with rows is trained by `grid`: every row with every seed, in full. A key that `--set` sets is set by no row;
  a row that has nothing left to set is left out.
- Without a recipe, keys may have any name, and nothing is checked against the configuration schema.

## Constraints

Each is an expression that every configuration satisfies. It may hold keys, numbers, quoted texts, `true`, `false`,
`null`, lists and their items (`INPUT.SIZE_TRAIN[0]`); `+ - * / // % **` on numbers; `== != < <= > >=`, `in`, `not in`;
`and`, `or`, `not`; `A if B else C`; `min`, `max`, `abs`, `len`. An expression without a value, such as a division by
zero, is not satisfied.

A constraint that names metrics instead of keys, as `latency_ms <= 5` or `mAP >= 0.3`, is one on outcomes: it is judged
on what a trial reports, and a trial that breaks it is worth less than any that does not (docs/search.md).

## Tied keys

A tied key is not searched: every configuration works it out from others. It stands among the parameters with
`type: tied`, or in a section `tied:` of its own.

```yaml
recipe: bnneck
parameters:
  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}
  INPUT.SIZE_TRAIN: {type: choice, values: [[256, 128], [384, 128]]}
  INPUT.SIZE_TEST: {type: tied, to: INPUT.SIZE_TRAIN}
  SOLVER.ETA_MIN_LR: {type: tied, to: SOLVER.BASE_LR, factor: 0.002}
  SOLVER.WARMUP_EPOCHS: {type: tied, expression: "10 if SOLVER.OPT == 'SGD' else 5"}
```

It may follow parameters, other tied keys and any key of the configuration, but not in a circle; of an inactive
parameter it gets the recipe's value. It is checked against the schema at the corners of the space, and part of every
trial's configuration, of `space sample` and of exported files. `--set` on it ends the tie. A `when` cannot name it.

## Learning rate and batch size

`SOLVER.LR_SCALE_RULE: linear` under `fixed:` makes `SOLVER.BASE_LR` the learning rate of `SOLVER.LR_SCALE_BATCH`
images: what is trained with is `BASE_LR x IMS_PER_BATCH / LR_SCALE_BATCH` (Goyal et al. 2017; `sqrt` takes the root).
A space that varies both then searches a learning rate that keeps its meaning whatever the batch is.

```yaml
recipe: bnneck
fixed: {SOLVER.LR_SCALE_RULE: linear, SOLVER.LR_SCALE_BATCH: 64}
parameters:
  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}
  SOLVER.IMS_PER_BATCH: {type: choice, values: [32, 64, 128], ordered: true}
```

## Errors

A fault is reported as `file:line:col: error[code]: message; what to do`, all faults of a file at once, and the exit
code is 3 (5 when there is no such space).
"""

SECTIONS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("The file", "", Space),
    ("objective", "A mapping, a list of mappings, or only a metric's name.", Objective),
    ("budget", "", Budget),
    ("search", "", Search),
    ("resources", "", Resources),
    ("A parameter of type float", "", Float),
    ("A parameter of type int", "", Int),
    ("A parameter of type choice", "", Choice),
    ("A tied key", "", Tied),
    ("A row", "Rows stand in a list: each is what the row above it is, and what it sets.", Row),
    ("A column of published", "", Published),
)


def page() -> str:
    """Write the whole page."""
    parts = [INTRODUCTION.format(example=catalog.read("bnneck"))]
    for title, text, model in SECTIONS:
        lines = [f"## {title}", "", *([text, ""] if text else []), *_table(model)]
        parts.append("\n".join(lines) + "\n")
    parts.append(RULES)
    shelf = ["## The catalog", "", "| name | parameters | what |", "|---|---|---|"]
    for name in catalog.names():
        space = load_space(catalog.read(name)).space
        varies = f"{len(space.rows)} rows" if space.rows else str(len(space.parameters))
        shelf.append(f"| {name} | {varies} | {space.description} |")
    return "\n".join([*parts, "\n".join(shelf) + "\n"])


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield "| field | type | default | what |"
    yield "|---|---|---|---|"
    properties = model.model_json_schema()["properties"]
    inner = sorted(model.model_fields.items(), key=lambda item: (item[0] != "type", item[0] in {"when", "help"}))
    for name, field in inner:
        if name not in FILE_FIELDS and model is Space:
            continue
        required = field.is_required() or name == "type"
        default = "required" if required else _default(field.get_default(call_default_factory=True))
        yield f"| `{name}` | {_type(properties[name])} | {default} | {_what(field.description, properties[name])} |"


def _type(schema: dict[str, object]) -> str:
    if "const" in schema:
        return f"`{schema['const']}`"
    if "$ref" in schema:
        return {"Goal": "text"}.get(str(schema["$ref"]).rpartition("/")[2], "mapping")
    branches = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(branches, list):
        kinds = dict.fromkeys(_type(branch) for branch in branches)
        return " or ".join(kind for kind in kinds if kind != "null")
    kind = str(schema.get("type", "any"))
    return {"string": "text", "array": "list", "object": "mapping"}.get(kind, kind)


def _what(description: str | None, schema: dict[str, object]) -> str:
    bounds = [f"at least {schema['minimum']}"] if "minimum" in schema else []
    return "; ".join(filter(None, [description or "", *bounds])).replace("|", "\\|")


def _default(value: object) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        return "mAP"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value in (None, "", (), {}) else str(value)


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, page(), sys.argv[1:]))
