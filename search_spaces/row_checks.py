"""A space's rows against themselves and the configuration schema, and made to fit one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reid_core.config import Value, Values, from_values, keys, scale_to, suggest
from reid_core.config.convert import typed
from reid_core.errors import ConfigError
from search_spaces.draft import Draft
from search_spaces.encoding import complete
from search_spaces.rows import RECIPE, Row, parents, row_values

__all__ = ["check_row_configurations", "check_row_keys", "fit_rows", "judge_rows"]

_MAX_EPOCH = "SOLVER.MAX_EPOCH"


def judge_rows(draft: Draft) -> None:
    """Find rows that are wrong by themselves: names, what they add to, empty ones, unknown columns."""
    names = [row.name for row in draft.rows]
    columns = [column.name for column in draft.published]
    for index, name in enumerate(columns):
        if name in columns[:index]:
            draft.report("duplicate-column", f"{name} is a column twice", ("published", index), key="published")
    for index, row in enumerate(draft.rows):
        _judge_name(draft, index, names)
        if not row.set and index:
            message, hint = f"{row.name} sets nothing: it is the row above", "give it a `set`"
            draft.report("empty-row", message, ("rows", index), hint=hint, key="rows")
        for column in row.published:
            if column not in columns:
                path = ("rows", index, "published", column)
                hint = suggest(column, columns) or "list it, with its source, under `published:`"
                draft.report("unknown-column", f"{column} is not a published column", path, hint=hint, key="rows")


def _judge_name(draft: Draft, index: int, names: Sequence[str]) -> None:
    row, above = draft.rows[index], names[:index]
    if row.name in above or row.name == RECIPE:
        what = "the recipe's own name" if row.name == RECIPE else "the name of two rows"
        draft.report("duplicate-row", f"{row.name} is {what}", ("rows", index, "name"), key="rows")
    if row.adds_to is not None and row.adds_to not in {*above, RECIPE}:
        hint = suggest(row.adds_to, above) or f"name a row above it, or {RECIPE}"
        message = f"there is no row {row.adds_to} above {row.name}"
        draft.report("unknown-row", message, ("rows", index, "adds_to"), hint=hint, key="rows")


def check_row_keys(draft: Draft) -> None:
    """Find keys that are no configuration keys, are fixed too, or have a value that they cannot have."""
    known = set(keys())
    for index, row in enumerate(draft.rows):
        for key in row.set:
            path = ("rows", index, "set", key)
            if key == _MAX_EPOCH:
                draft.report("budget-key", f"{key} is the budget", path, hint="set budget.max_epochs", key=key)
            elif key in draft.fixed:
                draft.report("fixed-and-varied", f"{key} is both fixed and set by a row", path, key=key)
            elif draft.recipe is not None and key not in known:
                hint = suggest(key, known) or "see `reid-tune config show`"
                draft.report("unknown-key", f"{key} is not a configuration key", path, hint=hint, key=key)
        for fault in _faults(row, known) if draft.recipe is not None else ():
            draft.report(fault[0], fault[1], ("rows", index, "set", fault[3]), hint=fault[2], key=fault[3])


def _faults(row: Row, known: set[str]) -> list[tuple[str, str, str, str]]:
    _, faults = typed({key: value for key, value in row.set.items() if key in known})
    return [(fault.code, fault.message, fault.hint, fault.keys[0]) for fault in faults]


def fit_rows(
    rows: Sequence[Row], options: Mapping[str, Value], declared: int, epochs: int, *, checked: bool
) -> tuple[tuple[Row, ...], list[str]]:
    """Rows as this run trains them: typed and scaled from `declared` epochs, without keys that options set.

    A row that options leave nothing of goes, and those that add to it add to what it added to. `checked` says whether
    keys are those of the configuration schema. Returns the rows, and a note for each change.
    """
    above = parents(rows)
    kept: list[Row] = []
    gone: set[str] = set()
    notes: list[str] = []
    for row in rows:
        own = {key: value for key, value in row.set.items() if key not in options}
        notes += [f"{key} is set to {options[key]!r}, in row {row.name} too" for key in row.set if key in options]
        if not own and row.set and kept:
            gone.add(row.name)
            notes.append(f"row {row.name} is left out: it changes nothing any more")
            continue
        parent = above[row.name]
        while parent in gone:
            parent = above[str(parent)]
        beside = kept[-1].name if kept else None
        adds_to = None if parent == beside else parent or RECIPE
        update = {"set": _scaled(own, declared, epochs) if checked else own, "adds_to": adds_to}
        kept.append(row.model_copy(update=update))
    return tuple(kept), notes


def _scaled(values: Values, declared: int, epochs: int) -> Values:
    """Sound values as the schema stores them; what counts in epochs goes from `declared` to `epochs`."""
    known = set(keys())
    plain, _ = typed({key: value for key, value in values.items() if key in known})
    if declared == epochs:
        return plain
    scaled = scale_to({**plain, _MAX_EPOCH: declared}, epochs)
    return {key: scaled[key] for key in plain}


def check_row_configurations(draft: Draft, rows: Sequence[Row], base: Values) -> None:
    """Find rows whose whole configuration cannot be trained, or breaks a constraint; each fault once.

    Only for a draft without other faults: they would all be found again.
    """
    if draft.findings:
        return
    told: set[tuple[str, str]] = set()
    place = {row.name: index for index, row in enumerate(draft.rows)}
    values = row_values(rows, base)
    for row in rows:
        whole = complete(base, values[row.name], draft.tied)
        for code, message, hint, key in [*_impossible(draft, whole), *_refused(draft, whole)]:
            if (code, message) in told:
                continue
            told.add((code, message))
            path = ("rows", place[row.name], *(("set", key) if key in row.set else ()))
            draft.report(code, f"row {row.name}: {message}", path, hint=hint, key=key or "rows")


def _impossible(draft: Draft, whole: Values) -> list[tuple[str, str, str, str]]:
    if draft.recipe is None:
        return []
    try:
        from_values(whole)
    except ConfigError as error:
        return [(found.code, found.message, found.hint, found.key) for found in error.findings]
    return []


def _refused(draft: Draft, whole: Values) -> list[tuple[str, str, str, str]]:
    refusals = [
        constraint.refusal(whole)
        for _, constraint in draft.constraints
        if all(key in whole for key, _ in constraint.keys)
    ]
    return [("constraint", refusal, "", "") for refusal in refusals if refusal]
