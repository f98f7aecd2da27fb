"""Line charts as SVG text, made on the server: for pages without JavaScript and files that are sent around.

Colours come from the style sheet by class: `s0` to `s20` are seven colours, then dashed, then dotted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

__all__ = ["STYLES", "Chart", "Line", "bar_chart", "line_chart"]

STYLES = 21
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 34
_TICKS = 5
_LARGEST, _SMALLEST, _NARROWEST = 1e100, 1e-100, 1e-9


@dataclass(frozen=True, slots=True)
class Line:
    """Points in the order of x; None breaks the line. `style` is its number in the style sheet."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    style: int = 0
    stepped: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart says about its axes; `level` is a horizontal line with its words. Sizes in pixels."""

    x: str
    y: str
    name: str
    level: tuple[float, str] | None = None
    width: int = 640
    height: int = 260


def line_chart(chart: Chart, lines: Sequence[Line]) -> Markup:
    """The chart; empty when no line has a point that can be drawn: finite, and no number beyond 1e100."""
    ys = [y for line in lines for y in line.ys if y is not None and _drawn(y)]
    if not ys:
        return Markup()
    if chart.level is not None:
        chart = chart if _drawn(chart.level[0]) else replace(chart, level=None)
    ys += [chart.level[0]] if chart.level else []
    frame = _Frame(chart, max((x for line in lines for x in line.xs), default=1.0), min(ys), max(ys))
    return _drawing(chart.name, chart.width, chart.height, [*frame.axes(), *(_path(frame, line) for line in lines)])


def _drawing(name: str, width: int, height: int, parts: Sequence[Markup]) -> Markup:
    box = f"0 0 {width} {height}"
    inside = Markup().join(parts)
    return _tag(
        "svg", inside, class_="line-chart", viewBox=box, width=width, height=height, role="img", aria_label=name
    )


def _tag(name: str, inside: str = "", /, **attributes: object) -> Markup:
    """An element; `class_` is class, `aria_label` is aria-label. Everything but Markup is escaped."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{told}>{escape(inside)}</{name}>")  # noqa: S704 - every part is escaped, or made here


def _text(x: float, y: float, text: str, anchor: str = "start", **attributes: object) -> Markup:
    return _tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, **attributes)


class _Frame:
    """From numbers to pixels."""

    def __init__(self, chart: Chart, most: float, low: float, high: float) -> None:
        self._chart = chart
        span = high - low
        size = max(abs(high), abs(low))
        if span <= _NARROWEST * size or size < _SMALLEST:  # numbers that a picture cannot tell apart
            span = size if size >= _SMALLEST else 1.0
        pad = span * 0.06
        self._low, self._high = (low - pad if low < 0 else max(0.0, low - pad)), high + pad
        self._most = most or 1.0

    def x(self, value: float) -> float:
        return _LEFT + value / self._most * (self._chart.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return self._chart.height - _BOTTOM - share * (self._chart.height - _TOP - _BOTTOM)

    def axes(self) -> list[Markup]:
        chart = self._chart
        right, foot = chart.width - _RIGHT, chart.height - _BOTTOM
        parts = []
        for tick in _ticks(self._low, self._high):
            at = self.y(tick)
            parts += [_tag("path", class_="grid", d=f"M{_LEFT} {at:.1f}H{right}")]
            parts += [_text(_LEFT - 6, at + 4, f"{tick:.6g}", "end")]
        parts += [_text(self.x(tick), foot + 15, f"{tick:.6g}", "middle") for tick in _ticks(0.0, self._most, least=1)]
        turned = f"translate(11 {foot // 2}) rotate(-90)"
        parts += [_text(right, chart.height - 4, chart.x, "end", class_="label")]
        parts += [_text(0, 0, chart.y, "middle", class_="label", transform=turned)]
        if chart.level is not None:
            at = self.y(chart.level[0])
            parts += [_tag("path", class_="level", d=f"M{_LEFT} {at:.1f}H{right}")]
            parts += [_text(right - 4, at - 4, chart.level[1], "end", class_="note")]
        return parts


def _drawn(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _LARGEST


def _path(frame: _Frame, line: Line) -> Markup:
    steps: list[str] = []
    known = [
        (frame.x(x), None if y is None or not _drawn(y) else frame.y(y)) for x, y in zip(line.xs, line.ys, strict=True)
    ]
    there = [(x, y) for x, y in known if y is not None]
    style, title = f"s{line.style % STYLES}", _tag("title", line.label)
    if len(there) == 1:
        (x, y), *_ = there
        return _tag("circle", title, class_=f"dot {style}", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3)
    before: float | None = None
    for x, at in known:
        if at is not None:
            on = f"H{x:.1f}V{at:.1f}" if line.stepped else f"L{x:.1f} {at:.1f}"
            steps.append(f"M{x:.1f} {at:.1f}" if before is None else on)
        before = at
    return _tag("path", title, class_=f"line {style}", d="".join(steps))


def bar_chart(rows: Sequence[tuple[str, float, float, float]], name: str, width: int = 520) -> Markup:
    """Shares in [0, 1] as bars with their intervals: (label, share, low, high) a row."""
    left, height, right = 220, 22, 60
    room = width - left - right
    parts = []
    for i, (label, share, low, high) in enumerate(rows):
        top = i * height
        span = f"M{left + low * room:.1f} {top + 11}H{left + high * room:.1f}"
        parts += [_text(left - 8, top + 15, label, "end")]
        parts += [_tag("rect", class_="bar", x=left, y=top + 5, width=f"{share * room:.1f}", height=12)]
        parts += [_tag("path", class_="whisker", d=span)]
        parts += [_text(width - right + 8, top + 15, f"{100 * share:.0f} %")]
    return _drawing(name, width, height * len(rows) + 4, parts)


def _ticks(low: float, high: float, *, least: float = 0.0) -> list[float]:
    """Round numbers between two ends, at least `least` apart."""
    rough = ((high - low) or 1.0) / _TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = max(least, next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * (1 - 1e-9)))
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)]
