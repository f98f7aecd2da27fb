"""Numbers, times and values as a person reads them; static/js/format.js says the same in the browser."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

from search_spaces.measures import Measures, any_measures

__all__ = [
    "ago",
    "clock",
    "duration",
    "exact",
    "filters",
    "gain",
    "metric",
    "metric_label",
    "short_key",
    "sparkline",
    "value",
]

_LABELS = {
    "images_per_second": "images/s",
    "latency_ms": "latency ms",
    "lr": "learning rate",
    "data_wait": "waiting for data, share",
    "cpu": "cores in use",
    "memory_gb": "memory GiB",
    "gpu": "GPU in use, share",
    "gpu_memory_gb": "GPU memory GiB",
}
_NONE = "–"  # noqa: RUF001 - an en dash marks an empty cell
_MINUS = "−"  # noqa: RUF001 - the minus sign is as wide as a digit


def metric(number: float | None, name: str = "mAP", measures: Measures | None = None) -> str:
    """A metric in its display unit: fractions as percent with one digit, losses and the like as they are.

    `measures` are those of the study; without, those of every installed task.
    """
    if number is None or not math.isfinite(number):
        return _NONE
    return f"{100 * number:.1f}" if (measures or any_measures()).is_fraction(name) else value(float(f"{number:.4g}"))


def gain(number: float | None, name: str = "mAP", measures: Measures | None = None) -> str:
    """A difference of two metrics with its sign."""
    if number is None or not math.isfinite(number):
        return _NONE
    return f"{'+' if number >= 0 else _MINUS}{metric(abs(number), name, measures)}"


def metric_label(name: str, measures: Measures | None = None) -> str:
    """The metric's title with its unit; `measures` as in `metric`."""
    measure = (measures or any_measures()).measure(name)
    return f"{measure.title} %" if measure.fraction else _LABELS.get(name, measure.title)


def duration(seconds: float | None) -> str:
    """Two units at most: 42 s, 3 min 20 s, 2 h 05 min, 4 d 3 h."""
    if seconds is None or not math.isfinite(seconds):
        return _NONE
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def ago(at: float, now: float | None = None) -> str:
    """How long since `at` (Unix seconds), in one unit."""
    seconds = (time.time() if now is None else now) - at
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now" if seconds < 5 else f"{int(seconds)} s ago"


def exact(at: float) -> str:
    """The moment in UTC, for the hover text."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(at: float) -> str:
    """ISO 8601, for the datetime attribute."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def short_key(key: str) -> str:
    """The last part of a configuration key: SOLVER.BASE_LR is BASE_LR in a narrow cell."""
    return key.rpartition(".")[2]


def value(setting: object) -> str:
    """A configuration value as YAML writes it, floats with four significant digits."""
    match setting:
        case None:
            return "null"
        case bool():
            return "true" if setting else "false"
        case float():
            return _small(setting) if 0 < abs(setting) < 1e-3 else f"{setting:.4g}"
        case list() | tuple():
            return "[" + ", ".join(value(part) for part in setting) + "]"
        case _:
            return str(setting)


def _small(number: float) -> str:
    """3.5e-4: three significant digits, no padded zeros in the exponent."""
    digits, _, exponent = f"{number:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"


def sparkline(points: tuple[float, ...], width: int = 120, height: int = 24) -> str:
    """SVG polyline coordinates of a series; empty with fewer than two points."""
    finite = [point for point in points if math.isfinite(point)]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    step = (width - 4) / (len(finite) - 1)
    return " ".join(
        f"{2 + i * step:.1f},{height - 3 - (point - low) / span * (height - 6):.1f}" for i, point in enumerate(finite)
    )


filters = {
    "ago": ago,
    "clock": clock,
    "duration": duration,
    "exact": exact,
    "gain": gain,
    "metric": metric,
    "metric_label": metric_label,
    "short_key": short_key,
    "sparkline": sparkline,
    "value": value,
}
"""What templates may use, by name."""
