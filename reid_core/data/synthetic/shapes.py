"""Soft-edged shapes painted on a small picture, each inside its bounding box only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Canvas", "Colour", "Field", "Point", "Texture", "box", "capsule", "ellipse"]

Canvas: TypeAlias = npt.NDArray[np.float32]
"""RGB planes (3, H, W) in 0..1."""
Colour: TypeAlias = npt.NDArray[np.float32]
"""RGB (3,) in 0..1."""
Field: TypeAlias = npt.NDArray[np.floating]
"""One number per pixel of a window (h, w)."""
Point: TypeAlias = tuple[float, float]
"""x to the right and y down, in pixels."""
Texture: TypeAlias = Callable[[Field, Field], Field]
"""From x and y of a window to where a second colour covers it, in 0..1."""


def capsule(
    canvas: Canvas,
    start: Point,
    end: Point,
    radius: float,
    colour: Colour,
    texture: tuple[Texture, Colour] | None = None,
) -> None:
    """Paint all points within `radius` of the line from `start` to `end`."""
    (ax, ay), (bx, by) = start, end
    window = _window(canvas, (min(ax, bx) - radius, min(ay, by) - radius, max(ax, bx) + radius, max(ay, by) + radius))
    if window is None:
        return
    part, x, y = window
    dx, dy = bx - ax, by - ay
    along = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
    _cover(part, x, y, np.hypot(x - ax - along * dx, y - ay - along * dy) - radius, colour, texture)


def box(
    canvas: Canvas, centre: Point, half: Point, colour: Colour, texture: tuple[Texture, Colour] | None = None
) -> None:
    """Paint a rectangle with slightly round corners; `half` are its half width and height."""
    (cx, cy), (hx, hy) = centre, half
    window = _window(canvas, (cx - hx, cy - hy, cx + hx, cy + hy))
    if window is None:
        return
    part, x, y = window
    corner = min(hx, hy, 3.0)
    outside_x, outside_y = np.abs(x - cx) - hx + corner, np.abs(y - cy) - hy + corner
    far = np.hypot(np.maximum(outside_x, 0), np.maximum(outside_y, 0))
    _cover(part, x, y, far + np.minimum(np.maximum(outside_x, outside_y), 0) - corner, colour, texture)


def ellipse(
    canvas: Canvas, centre: Point, half: Point, colour: Colour, texture: tuple[Texture, Colour] | None = None
) -> None:
    """Paint an upright ellipse; `half` are its half axes."""
    (cx, cy), (hx, hy) = centre, half
    window = _window(canvas, (cx - hx, cy - hy, cx + hx, cy + hy))
    if window is None:
        return
    part, x, y = window
    _cover(part, x, y, (np.hypot((x - cx) / hx, (y - cy) / hy) - 1) * min(hx, hy), colour, texture)


def _window(canvas: Canvas, bounds: tuple[float, float, float, float]) -> tuple[Canvas, Field, Field] | None:
    """The part of `canvas` inside `bounds` (left, top, right, bottom) and its pixels' centres; None where outside."""
    _, height, width = canvas.shape
    left, top = max(int(bounds[0]) - 1, 0), max(int(bounds[1]) - 1, 0)
    right, bottom = min(int(bounds[2]) + 2, width), min(int(bounds[3]) + 2, height)
    if left >= right or top >= bottom:
        return None
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5
    x = np.arange(left, right, dtype=np.float32)[None, :] + 0.5
    return canvas[:, top:bottom, left:right], x, y


def _cover(
    part: Canvas, x: Field, y: Field, distance: Field, colour: Colour, texture: tuple[Texture, Colour] | None
) -> None:
    """Blend `colour` in where `distance` to the edge is negative; one pixel wide edges."""
    cover = np.clip(0.5 - distance, 0, 1)
    paint = colour[:, None, None]
    if texture is not None:
        where, second = texture
        paint = paint + where(x, y) * (second[:, None, None] - paint)
    part += cover * (paint - part)
