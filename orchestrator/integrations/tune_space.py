"""A space of Ray Tune (`tune.uniform`, `tune.choice`, ...) as a space of this project."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pydantic import TypeAdapter, ValidationError
from ray.tune.search import sample

from reid_core.config import Value, Values
from reid_core.errors import Finding, SpaceError
from search_spaces.model import Choice, Float, Int, Parameter, Space

__all__ = ["nested", "space_of"]

_VALUE: TypeAdapter[Value] = TypeAdapter(Value)
_NEARLY = 1e-9  # 0.3 / 0.1 is 2.9999999999999996
_FUNCTION_HINT = "a model cannot learn over a function: use tied keys in a space file, or compute it in the trainable"


def space_of(param_space: Mapping[str, object], name: str = "tune") -> Space:
    """Convert a `param_space`. Nested keys are joined by a slash; constants, which Tune passes on itself, are left out.

    tune.uniform, quniform, loguniform, randint, qrandint, lograndint, qlograndint and choice mean the same here; a
    choice of one value is fixed. Raises SpaceError naming every entry that has none: functions (tune.sample_from),
    normal distributions, grid_search, steps on a logarithmic scale of real numbers, values that are not plain.
    """
    parameters: dict[str, Parameter] = {}
    fixed: Values = {}
    findings: list[Finding] = []
    for key, entry in _leaves(param_space):
        if isinstance(entry, sample.Categorical) and len(entry.categories) == 1:
            fixed[key] = _plain(key, entry.categories, findings)[0]
            continue
        if not isinstance(entry, sample.Domain | Mapping):
            continue
        try:
            parameters[key] = _parameter(key, entry, findings)
        except SpaceError as error:
            findings += error.findings
        except ValidationError as error:
            findings += [Finding("bad-parameter", f"{key}: {one['msg']}", key=key) for one in error.errors()]
    if not parameters and not findings:
        findings.append(Finding("empty-space", "nothing varies in param_space", key="param_space"))
    if findings:
        raise SpaceError(findings)
    return Space(name=name, parameters=parameters, fixed=fixed)


def nested(values: Mapping[str, Value]) -> dict[str, object]:
    """Values by keys joined with slashes, as the nested mapping that Tune merges into a trial's configuration."""
    whole: dict[str, object] = {}
    for key, value in values.items():
        place = whole
        *parents, last = key.split("/")
        for parent in parents:
            inner = place.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{key} lies below a key that has a value")  # noqa: TRY004 - of the whole, not a type
            place = inner
        place[last] = value
    return whole


def _leaves(param_space: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    for key, entry in param_space.items():
        path = f"{above}{key}"
        if isinstance(entry, Mapping) and "grid_search" not in entry:
            yield from _leaves(entry, f"{path}/")
        else:
            yield path, entry


def _parameter(key: str, entry: object, findings: list[Finding]) -> Parameter:
    if not isinstance(entry, sample.Domain):
        raise _refused(key, "grid_search tries every value itself", "use tune.choice")
    if isinstance(entry, sample.Function):
        raise _refused(key, "it is drawn by a function", _FUNCTION_HINT)
    sampler, step = entry.get_sampler(), None
    if isinstance(sampler, sample.Quantized):
        sampler, step = sampler.get_sampler(), sampler.q
    log = isinstance(sampler, sample.LogUniform)
    if not log and not isinstance(sampler, sample.Uniform):
        raise _refused(
            key, f"{type(sampler).__name__.strip('_')} is no distribution over an interval", "use tune.uniform"
        )
    match entry:
        case sample.Categorical():
            return Choice(values=tuple(_plain(key, entry.categories, findings)))
        case sample.Integer():
            return _whole(entry, int(step or 1), log=log)
        case sample.Float():
            return _real(key, entry, step, log=log)
    raise _refused(key, f"{type(entry).__name__} is not known", "use a domain of ray.tune")


def _real(key: str, entry: sample.Float, step: float | None, *, log: bool) -> Float:
    if step is None:
        return Float(low=float(entry.lower), high=float(entry.upper), log=log)
    if log:
        raise _refused(key, "a logarithmic scale has no steps of one length", "use tune.loguniform")
    low, high = math.ceil(entry.lower / step - _NEARLY) * step, math.floor(entry.upper / step + _NEARLY) * step
    return Float(low=_short(low), high=_short(high), step=float(step))


def _whole(entry: sample.Integer, step: int, *, log: bool) -> Int:
    """Tune's upper end does not count, but where there are steps it does."""
    if step == 1:
        return Int(low=int(entry.lower), high=int(entry.upper) - 1, log=log)
    low, high = -(-int(entry.lower) // step) * step, int(entry.upper) // step * step
    return Int(low=low, high=high, step=step, log=log)


def _plain(key: str, values: list[object], findings: list[Finding]) -> list[Value]:
    found: list[Value] = []
    for value in values:
        try:
            found.append(_VALUE.validate_python(value, strict=True))
        except ValidationError:
            hint = "name it by a text or a number, and look it up in the trainable"
            findings.append(Finding("wrong-type", f"{key}: {value!r} is not a plain value", key=key, hint=hint))
    return found


def _short(number: float) -> float:
    return float(f"{number:.12g}")


def _refused(key: str, why: str, hint: str) -> SpaceError:
    return SpaceError(Finding("unsupported", f"{key}: {why}", key=key, hint=hint))
