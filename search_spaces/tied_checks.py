"""Tied keys against the configuration schema: what they read, and what they become anywhere in the space."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice, product

from reid_core.config import Value, Values, keys, suggest
from reid_core.config.convert import typed
from reid_core.errors import SpaceError
from search_spaces.codec import codec_of
from search_spaces.draft import Draft
from search_spaces.encoding import complete
from search_spaces.parameters import Parameter
from search_spaces.tied import Tied, derive, read_keys

__all__ = ["check_derived", "check_tied"]

_BUDGET_KEY = "SOLVER.MAX_EPOCH"
_MOST = 500
_LEVELS = 3


def check_tied(draft: Draft, known: Collection[str]) -> None:
    """Find tied keys that are no configuration keys, or read what is none.

    Those that go round, or are too many, are taken out.
    """
    if any(found.code in {"tied-cycle", "too-many-tied"} for found in draft.findings):
        draft.tied.clear()
    every = {*known, *draft.parameters, *draft.tied}
    for key, rule in draft.tied.items():
        path = draft.tied_path(key)
        if draft.recipe is not None and key == _BUDGET_KEY:
            draft.report("budget-key", f"{key} is the budget", path, hint="set budget.max_epochs", key=key)
        elif draft.recipe is not None and key not in keys():
            hint = suggest(key, keys()) or "see `reid-tune config show`"
            draft.report("unknown-key", f"{key} is not a configuration key", path, hint=hint, key=key)
        for other in read_keys(rule):
            if other not in every:
                field = "to" if rule.to else "expression"
                message = f"{key} follows {other}, which is not a configuration key"
                draft.report("unknown-key", message, (*path, field), hint=suggest(other, every), key=key)


def check_derived(draft: Draft, parameters: Mapping[str, Parameter], base: Values, defaults: Values) -> None:
    """Find tied keys that have no value, or one that their key cannot have, at some corner of the space.

    Only configurations that satisfy the constraints count, near the default one. Each key once.
    """
    whole = {**base, **defaults}
    faulty = {found.key for found in draft.findings}
    sound = {key: rule for key, rule in draft.tied.items() if key not in faulty}
    for key in sound:
        needed = _needed(key, sound)
        followed = sorted({other for rule in needed.values() for other in read_keys(rule)})
        absent = [name for name in followed if name in parameters and parameters[name].when and name not in base]
        if absent:
            message = f"{key} follows {absent[0]}, which has no value while it is inactive"
            draft.report("tied-no-value", message, draft.tied_path(key), hint="leave out its `when`", key=key)
            continue
        for values in _corners(draft, parameters, whole, needed):
            found = _fault(draft, key, {**whole, **values}, needed)
            if found is not None:
                code, message, hint = found
                where = ", ".join(f"{name} = {value!r}" for name, value in values.items())
                told = f"{message} for {where}" if where else message
                draft.report(code, told, draft.tied_path(key), hint=hint, key=key)
                break


def _fault(draft: Draft, key: str, whole: Values, needed: Mapping[str, Tied]) -> tuple[str, str, str] | None:
    try:
        value = derive(whole, needed)[key]
    except SpaceError as error:
        found = error.findings[0]
        return found.code, found.message, "change it, or the bounds of what it follows"
    if draft.recipe is None:
        return None
    wrong = typed({key: value})[1]
    if not wrong:
        return None
    hint = "add `whole: true`" if isinstance(value, float) and not typed({key: round(value)})[1] else wrong[0].hint
    return wrong[0].code, wrong[0].message, hint or "change factor and offset, or the bounds of what it follows"


def _needed(key: str, tied: Mapping[str, Tied]) -> dict[str, Tied]:
    """A tied key and those that it follows."""
    needed: dict[str, Tied] = {}
    left = [key]
    while left:
        name = left.pop()
        if name in tied and name not in needed:
            needed[name] = tied[name]
            left += read_keys(tied[name])
    return needed


def _corners(
    draft: Draft, parameters: Mapping[str, Parameter], whole: Values, needed: Mapping[str, Tied]
) -> Iterator[Values]:
    """Combinations of the ends and middles of the parameters that tied keys follow, where constraints allow them."""
    read = {other for rule in needed.values() for other in read_keys(rule)}
    names = [name for name in parameters if name in read]
    lists: list[list[Value]] = [codec_of(name, parameters[name]).levels(_LEVELS) for name in names]
    for combination in islice(product(*lists), _MOST):
        values = dict(zip(names, combination, strict=True))
        try:
            config = complete(whole, values, needed)
        except SpaceError:
            yield values
            continue
        judged = [constraint for _, constraint in draft.constraints if all(key in config for key, _ in constraint.keys)]
        if not any(constraint.refusal(config) for constraint in judged):
            yield values
