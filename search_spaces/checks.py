"""A space against the configuration schema: keys, types, ranges, conditions, constraints, defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeGuard

from reid_core.config import KeyInfo, Scalar, Value, Values, describe, keys, suggest
from reid_core.errors import SpaceError
from search_spaces.codec import codec_of
from search_spaces.conditions import allowed
from search_spaces.constraints import Constraint
from search_spaces.draft import Draft
from search_spaces.encoding import complete
from search_spaces.equality import index_of
from search_spaces.limits import fraction_fault
from search_spaces.measures import any_measures
from search_spaces.metric_checks import unreported
from search_spaces.model import Choice, Float, Int, Parameter
from search_spaces.outcomes import constants, names_outcome, probe

__all__ = ["check_defaults", "check_keys", "check_references"]

_BUDGET_KEY = "SOLVER.MAX_EPOCH"
_COMPARED = "metrics are numbers: compare them with numbers, as in latency_ms <= 5"
_NAMES = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a text"}


def check_keys(draft: Draft) -> None:
    """Find parameters that are no configuration keys, or reach beyond what their key may be."""
    known = set(keys())
    for key, parameter in draft.parameters.items():
        path = ("parameters", key)
        if key == _BUDGET_KEY:
            draft.report("budget-key", f"{key} is the budget", path, hint="set budget.max_epochs", key=key)
        elif key not in known:
            hint = suggest(key, known) or "see `reid-tune config show`"
            draft.report("unknown-key", f"{key} is not a configuration key", path, hint=hint, key=key)
        elif isinstance(parameter, Choice):
            _check_choice(draft, parameter, describe(key))
        else:
            _check_number(draft, parameter, describe(key))


def check_references(draft: Draft, outside: Iterable[str]) -> None:
    """Find keys in `when` and in constraints that are neither parameters nor keys of the configuration."""
    known = {*outside, *draft.parameters, *draft.tied}
    for key, parameter in draft.parameters.items():
        for other, wanted in parameter.when.items():
            path = ("parameters", key, "when", other)
            if other not in known:
                hint = suggest(other, known)
                draft.report("unknown-when-key", f"{other} is not a configuration key", path, hint=hint, key=key)
            elif other in draft.parameters:
                _check_reachable(draft, draft.parameters[other], other, allowed(wanted), path)
    for index, constraint in draft.constraints:
        if names_outcome(constraint, draft.measures.names, known):
            _check_outcome(draft, index, constraint)
            continue
        if not constraint.keys:
            message = f"`{constraint.text}` names neither a configuration key nor a metric"
            hint = "write what is compared, as in latency_ms <= 5, or leave it out"
            draft.report("constant-constraint", message, ("constraints", index), hint=hint, key="constraints")
        for other, offset in constraint.keys:
            if other not in known:
                if other in any_measures().names and other not in draft.measures.names:
                    code, (told, hint) = "unknown-metric", unreported(draft.measures, other)
                else:
                    code, told = "unknown-key", f"{other} is not a configuration key"
                    hint = _dashed(other, draft.measures.names) or suggest(other, {*known, *draft.measures.names})
                draft.report_inside(code, f"`{constraint.text}`: {told}", ("constraints", index), offset, hint=hint)


def _dashed(name: str, metrics: Iterable[str]) -> str:
    """What to do about a metric whose own name has a minus, which an expression subtracts; empty for another name."""
    if not any(metric.startswith(f"{name}-") for metric in metrics):
        return ""
    return "a constraint subtracts at `-`, so that it names no metric with one; make that an objective or the target"


def _check_outcome(draft: Draft, index: int, constraint: Constraint) -> None:
    """Find what is no metric in a constraint on outcomes, and one that no outcome could satisfy or break."""
    path = ("constraints", index)
    metrics = draft.measures.names
    for other, offset in constraint.keys:
        if other not in metrics:
            message = f"`{constraint.text}` names metrics, and {other} is none"
            hint = suggest(other, metrics) or "a constraint is over metrics or over configuration keys, not over both"
            draft.report_inside("mixed-constraint", message, path, offset, hint=hint)
            return
    wrong = probe(constraint)
    if wrong is not None:
        message = f"`{constraint.text}` has no value: {wrong.message}"
        draft.report_inside("wrong-type", message, path, wrong.offset, hint=_COMPARED)
        return
    for metric, number, offset in constants(constraint):
        found = fraction_fault(metric, number) if draft.measures.is_fraction(metric) else None
        if found is not None:
            code, message, hint = found
            draft.report_inside(code, f"`{constraint.text}`: {message}", path, offset, hint=hint)


def check_defaults(draft: Draft, parameters: Mapping[str, Parameter], base: Values, defaults: Values) -> None:
    """Find defaults that the space cannot hold: they are the first configuration, so they must fit."""
    before = len(draft.findings)
    for key, value in defaults.items():
        try:
            codec_of(key, parameters[key]).encode(value)
        except SpaceError as error:
            reason = error.findings[0].message.removeprefix(f"{key}: ")
            draft.report(
                "prior-outside-bounds",
                f"{key}: the recipe's value {reason}",
                ("parameters", key),
                hint="widen the bounds to hold it, or give a `prior` inside them",
                key=key,
            )
    if len(draft.findings) > before:
        return
    try:
        whole = complete(base, defaults, draft.tied)
    except SpaceError:
        return  # check_derived says which key has no value, and where
    for index, constraint in draft.constraints:
        refusal = constraint.refusal(whole) if all(key in whole for key, _ in constraint.keys) else ""
        if refusal:
            message = f"the default configuration is refused: {refusal}"
            hint = "give a `prior` that satisfies it, or change the constraint"
            draft.report("default-violates-constraint", message, ("constraints", index), hint=hint, key="constraints")


def _check_number(draft: Draft, parameter: Float | Int, info: KeyInfo) -> None:
    path = ("parameters", info.key)
    fitting = ("float",) if isinstance(parameter, Float) else ("float", "int")
    if info.type not in fitting:
        hint = "use `type: int`" if info.type == "int" else "use `type: choice`"
        message = f"{info.key} is {_kind(info)}, not {_NAMES[parameter.type]}"
        draft.report("wrong-type", message, (*path, "type"), hint=hint, key=info.key)
        return
    for field in ("low", "high"):
        fault = _outside(getattr(parameter, field), info)
        if fault:
            draft.report("out-of-range", f"{info.key}: {field} {fault}", (*path, field), key=info.key)


def _check_choice(draft: Draft, parameter: Choice, info: KeyInfo) -> None:
    for index, value in enumerate(parameter.values):
        path = ("parameters", info.key, "values", index)
        items = value if isinstance(value, list) else [value]
        if isinstance(value, list) is not info.type.startswith("list") or not _fits(items, info):
            message = f"{info.key} is {_kind(info)}; {value!r} is not"
            draft.report("wrong-type", message, path, key=info.key)
            continue
        fault = next(filter(None, (_outside(item, info) for item in items)), "")
        if fault:
            draft.report("out-of-range", f"{info.key}: {fault}", path, key=info.key)
        unknown = next((item for item in items if not info.allows(item)), None)
        if unknown is not None:
            listed = f"available: {', '.join((*info.choices, *filter(None, [info.form])))}"
            near = suggest(str(unknown), info.choices)
            hint = f"{near} ({listed})" if near else listed
            draft.report("unknown-value", f"{info.key}: there is no {unknown!r}", path, hint=hint, key=info.key)


def _check_reachable(
    draft: Draft, parent: Parameter, name: str, wanted: Iterable[Value], path: tuple[str | int, ...]
) -> None:
    for value in wanted:
        if isinstance(parent, Choice):
            reachable = index_of(value, parent.values) is not None
        else:
            reachable = _is_number(value) and parent.low <= value <= parent.high
        if not reachable:
            message = f"{name} never is {value!r}, so {path[1]} would never vary"
            draft.report("unknown-when-value", message, path, key=str(path[1]))


def _fits(items: list[Scalar], info: KeyInfo) -> bool:
    kind = info.type.removeprefix("list[").removesuffix("]")
    if info.length and len(items) != info.length:
        return False
    if kind == "bool":
        return all(isinstance(item, bool) for item in items)
    if kind == "str":
        return all(isinstance(item, str) for item in items)
    whole = all(isinstance(item, int) for item in items)
    return all(_is_number(item) for item in items) and (kind == "float" or whole)


def _outside(value: Value, info: KeyInfo) -> str:
    """Say how a number leaves the range of its key; empty when it does not."""
    if not _is_number(value):
        return ""
    if info.low is not None and (value < info.low or (info.open_low and value == info.low)):
        return f"{value!r} must be {'above' if info.open_low else 'at least'} {info.low:g}"
    if info.high is not None and (value > info.high or (info.open_high and value == info.high)):
        return f"{value!r} must be {'below' if info.open_high else 'at most'} {info.high:g}"
    return ""


def _kind(info: KeyInfo) -> str:
    kind = info.type.removeprefix("list[").removesuffix("]")
    if kind == info.type:
        return _NAMES[kind]
    return f"a list of {info.length or 'any number'} of items, each {_NAMES[kind]}"


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
