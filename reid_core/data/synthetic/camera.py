"""A drawn camera: the place it looks at, and what it does to light on the way to grey levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reid_core.data.sources import Pixels
from reid_core.data.synthetic.person import Angle, colour
from reid_core.data.synthetic.shapes import Canvas, Colour, Point, box

__all__ = ["HEIGHT", "WIDTH", "Camera"]

HEIGHT, WIDTH = 128, 64
_MARGIN = 48  # the scene is larger than a picture: every shot sees another part


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """What is the same in every image of a camera.

    `scene` (3, H + margin, W + margin); `gain` (3,) and `gamma` its cast and contrast; `grey` the share of colour lost;
    `blur` passes of a 3 x 3 binomial filter; `noise` deviation in 0..1; `hidden` the chance that something stands in
    front; `angles` the chances of front, back and side; `scale` and `shift` how large and where people appear.
    """

    scene: Canvas
    gain: Colour
    gamma: float
    grey: float
    blur: int
    noise: float
    hidden: float
    angles: tuple[float, ...]
    scale: float
    shift: Point

    @staticmethod
    def drawn(rng: np.random.Generator, difficulty: float) -> Camera:
        """A camera whose oddities grow with `difficulty`."""
        strength = 0.1 + 0.55 * difficulty
        return Camera(
            scene=_scene(rng, 0.2 + 0.6 * strength),
            gain=np.exp(rng.normal(0, 0.22 * strength, 3)).astype(np.float32),
            gamma=float(np.exp(rng.normal(0, 0.3 * strength))),
            grey=float(rng.uniform(0, 0.6 * strength)),
            blur=int(rng.integers(0, 3)),
            noise=float(rng.uniform(0.01, 0.05) * strength),
            hidden=0.35 * strength,
            angles=tuple(rng.dirichlet(np.full(len(Angle), 1.0)).tolist()),
            scale=float(1 + rng.uniform(-0.15, 0.08) * strength),
            shift=(float(rng.normal(0, 3 * strength)), float(rng.normal(0, 2 * strength))),
        )

    def background(self, rng: np.random.Generator) -> Canvas:
        """A part of the scene (3, 128, 64), to be painted on."""
        top, left = rng.integers(0, _MARGIN, 2).tolist()
        return self.scene[:, top : top + HEIGHT, left : left + WIDTH].copy()

    def expose(self, canvas: Canvas, rng: np.random.Generator) -> Pixels:
        """Occlusion, light, cast, blur and noise: grey levels (128, 64, 3)."""
        if rng.random() < self.hidden:
            _hide(canvas, rng)
        canvas *= np.float32(np.exp(rng.normal(0, 0.12)))
        canvas += np.float32(self.grey) * (canvas.mean(axis=0) - canvas)
        canvas *= self.gain[:, None, None]
        for _ in range(self.blur):
            canvas = _blurred(canvas)
        light = np.clip(canvas, 0, 1) ** np.float32(self.gamma)
        light += np.float32(self.noise) * rng.standard_normal(light.shape, dtype=np.float32)
        return np.ascontiguousarray((np.clip(light, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def _scene(rng: np.random.Generator, contrast: float) -> Canvas:
    height, width = HEIGHT + _MARGIN, WIDTH + _MARGIN
    wall, floor = _muted(rng), _muted(rng)
    horizon = np.clip((np.arange(height, dtype=np.float32) - rng.uniform(0.4, 0.8) * height) / 6, 0, 1)
    scene = wall[:, None, None] + horizon[None, :, None] * (floor - wall)[:, None, None]
    scene = np.repeat(scene, width, axis=2).astype(np.float32)
    for _ in range(int(rng.integers(6, 14))):
        centre = float(rng.uniform(0, width)), float(rng.uniform(0, height))
        box(scene, centre, (float(rng.uniform(3, 20)), float(rng.uniform(3, 30))), _muted(rng))
    calm: Canvas = scene.mean() + np.float32(contrast) * (scene - scene.mean())
    return calm


def _muted(rng: np.random.Generator) -> Colour:
    """Things are greyer than clothes."""
    vivid = colour(rng)
    dull: Colour = 0.3 * vivid + 0.7 * vivid.mean()
    return dull


def _hide(canvas: Canvas, rng: np.random.Generator) -> None:
    """Something stands in front: from below, or from one side."""
    if rng.random() < 0.5:
        tall = float(rng.uniform(0.15, 0.4) * HEIGHT)
        box(canvas, (float(rng.uniform(0, WIDTH)), HEIGHT - tall / 2), (WIDTH * 0.6, tall / 2), _muted(rng))
    else:
        wide = float(rng.uniform(0.15, 0.4) * WIDTH)
        edge = 0.0 if rng.random() < 0.5 else float(WIDTH)
        box(canvas, (edge, HEIGHT / 2), (wide, HEIGHT), _muted(rng))


def _blurred(canvas: Canvas) -> Canvas:
    """One pass of the filter (1 2 1) / 4 down and across; edges repeat."""
    padded = np.pad(canvas, ((0, 0), (1, 1), (0, 0)), mode="edge")
    canvas = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    padded = np.pad(canvas, ((0, 0), (0, 0), (1, 1)), mode="edge")
    smooth: Canvas = 0.25 * padded[:, :, :-2] + 0.5 * padded[:, :, 1:-1] + 0.25 * padded[:, :, 2:]
    return smooth
