"""What ends a search, in words: a time as `8h`, a target as `mAP >= 0.6`. Read and told here, kept elsewhere."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from search_spaces.faults import fault

__all__ = ["Target", "fraction_fault", "parse_target", "parse_wall_time", "target_fault"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_TARGET = re.compile(r"\s*([A-Za-z_][\w-]*)\s*(>=|<=)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Target:
    """A value of a metric that is good enough: at least it, or (`at_most`) at most it."""

    metric: str
    at_most: bool
    value: float

    def met_by(self, metrics: Mapping[str, float]) -> bool:
        """Whether an epoch's metrics reach it; never without the metric, or when it is NaN."""
        value = metrics.get(self.metric, math.nan)
        return value <= self.value if self.at_most else value >= self.value

    def __str__(self) -> str:
        return f"{self.metric} {'<=' if self.at_most else '>='} {self.value:g}"


def parse_wall_time(text: str) -> float:
    """Seconds of `90s`, `45m`, `8h` or `2d`; fractions are fine. Raises a fault (a ValueError) for anything else."""
    found = _TIME.fullmatch(text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds < math.inf:
        hint = "give a number and a unit: 90s, 45m, 8h or 2d"
        raise fault("bad-wall-time", f"{text!r} is not a time", "wall_time", hint=hint)
    return seconds


def parse_target(text: str) -> Target:
    """The target of `METRIC >= VALUE` or `METRIC <= VALUE`. Raises a fault (a ValueError) for anything else."""
    found = _TARGET.fullmatch(text)
    value = _number(found[3]) if found else math.nan
    if found is None or not math.isfinite(value):
        hint = "write METRIC >= VALUE or METRIC <= VALUE, for example mAP >= 0.6"
        raise fault("bad-target", f"{text!r} is not a target", "target", hint=hint)
    return Target(found[1], found[2] == "<=", value)


def target_fault(
    target: Target, metrics: Sequence[str], unbounded: Collection[str], lower: Collection[str]
) -> tuple[str, str, str] | None:
    """(code, message, hint) of a target that no trial can be asked for; None when it is sound.

    `metrics` is what trials report, `unbounded` those of them that are no fractions in [0, 1], `lower` those that are
    better the lower they are.
    """
    if target.metric not in metrics:
        known = f"there are {', '.join(metrics)}"
        return "unknown-metric", f"{target.metric} is not a metric that a trial reports", known
    if target.metric not in unbounded:
        found = fraction_fault(target.metric, target.value)
        if found is not None:
            return found
    if target.at_most is not (target.metric in lower):
        better, instead = ("lower", "<=") if not target.at_most else ("higher", ">=")
        message = f"{target.metric} is better the {better} it is, so that the worst trials reach {target}"
        return "target-against-goal", message, f"write {target.metric} {instead} {target.value:g}"
    return None


def fraction_fault(metric: str, value: float) -> tuple[str, str, str] | None:
    """(code, message, hint) of a value that a metric in [0, 1] never has; None when it may have it."""
    if 0 <= value <= 1:
        return None
    hint = f"write {value / 100:g} for {value:g} %" if 1 < value <= 100 else ""
    return "out-of-range", f"{metric} is a fraction in [0, 1], not {value:g}", hint


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
