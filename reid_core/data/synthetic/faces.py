"""Built-in faces, drawn from a seed: shapes and colours are the identity's, light, turn and expression the shot's.

Identities differ in many small things (how far the eyes are apart, how long the nose is, hair, brows, a mole) and share
the picture's brightness and background with nobody, so that pixels say little and training says much.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import NO_CAMERA, Dataset, ImageRecord, Layout
from reid_core.data.sources import Interpolation, Pixels, Size, fit
from reid_core.data.synthetic.images import SyntheticParameters
from reid_core.data.synthetic.person import colour
from reid_core.data.synthetic.shapes import Canvas, Colour, Point, capsule, ellipse

__all__ = ["SIDE", "Face", "FaceSource", "Glance", "synthetic_faces"]

SIDE = 112
"""Height and width, in pixels, as aligned faces are cut."""
_VERSION = 1  # of the drawing: a new one gives new fingerprints
_FACES = 2  # the streams of IDENTITY: 0 and 1 are those of persons


@dataclass(frozen=True, slots=True)
class Face:
    """What is the same in every image of an identity; lengths are shares of the picture's side."""

    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    wide: float
    jaw: float
    hairline: float
    long_hair: bool
    eyes_apart: float
    eyes_high: float
    eye: float
    brow: float
    brow_tilt: float
    nose: float
    nostrils: float
    mouth: float
    beard: bool
    glasses: bool
    mole: Point

    @staticmethod
    def drawn(seed: int, identity: int, difficulty: float) -> Face:
        """Identity `identity` (from 0); with `difficulty` colours come nearer to each other."""
        own = generator(seed, Purpose.IDENTITY, _FACES, identity)
        plain = 0.6 * difficulty
        tone = own.uniform(0.45 + 0.15 * plain, 0.95 - 0.15 * plain)
        skin = np.array([tone, tone * own.uniform(0.72, 0.84), tone * own.uniform(0.55, 0.72)], dtype=np.float32)
        dark = np.array([0.32, 0.24, 0.17], dtype=np.float32)
        return Face(
            skin=skin,
            hair=(1 - plain) * colour(own) + np.float32(plain) * dark,
            iris=colour(own) * np.float32(0.7),
            lips=skin * np.array([own.uniform(0.8, 1.05), 0.55, 0.6], dtype=np.float32),
            wide=own.uniform(0.26, 0.35),
            jaw=own.uniform(0.6, 1.0),
            hairline=own.uniform(0.1, 0.3),
            long_hair=bool(own.random() < 0.4),
            eyes_apart=own.uniform(0.11, 0.18),
            eyes_high=own.uniform(0.42, 0.5),
            eye=own.uniform(0.03, 0.052),
            brow=own.uniform(0.008, 0.024),
            brow_tilt=own.uniform(-0.03, 0.03),
            nose=own.uniform(0.1, 0.18),
            nostrils=own.uniform(0.02, 0.045),
            mouth=own.uniform(0.06, 0.13),
            beard=bool(own.random() < 0.25),
            glasses=bool(own.random() < 0.25),
            mole=(own.uniform(-0.18, 0.18), own.uniform(0.55, 0.75)),
        )


@dataclass(frozen=True, slots=True)
class Glance:
    """One shot: how far the head is turned and tilted, its size and place, how open the mouth is."""

    turn: float
    tilt: float
    size: float
    shift: Point
    open: float

    @staticmethod
    def drawn(rng: np.random.Generator, difficulty: float) -> Glance:
        """A pose whose spread grows with `difficulty`."""
        spread = 0.4 + 0.8 * difficulty
        return Glance(
            turn=float(rng.normal(0, 0.25 * spread)),
            tilt=float(rng.normal(0, 0.08 * spread)),
            size=float(1 + rng.normal(0, 0.04 * spread)),
            shift=(float(rng.normal(0, 0.02 * spread)), float(rng.normal(0, 0.02 * spread))),
            open=float(rng.uniform(0, 0.035)),
        )


def synthetic_faces(parameters: SyntheticParameters) -> Dataset:
    """As many images of an identity as the persons have in all cameras; test identities are query and gallery alike."""
    everybody = parameters.identities + parameters.test_identities
    test = _records(parameters, "test", parameters.identities, everybody)
    content = json.dumps({"synthetic faces": _VERSION, **asdict(parameters)}, sort_keys=True)
    return Dataset(
        layout=Layout.SYNTHETIC,
        train=_records(parameters, "train", 0, parameters.identities),
        query=test,
        gallery=test,
        fingerprint=hashlib.sha256(content.encode()).hexdigest(),
        source=FaceSource(parameters),
    )


class FaceSource:
    """Draws the images of the synthetic faces by their names."""

    def __init__(self, parameters: SyntheticParameters) -> None:
        self._parameters = parameters

    def decode(self, path: str, size: Size, interpolation: Interpolation) -> Pixels:
        """RGB (H, W, 3) at `size`."""
        identity, shot = (int(part) for part in path.rsplit("/", 1)[-1].split("_"))
        return fit(Image.fromarray(self.draw(identity - 1, shot - 1)), size, interpolation)

    def stamp(self, paths: Sequence[str]) -> str:
        """Nothing on this machine changes these images."""
        return f"drawn {len(paths)}"

    def draw(self, identity: int, shot: int) -> Pixels:
        """RGB (112, 112, 3) of one image; both numbers count from 0."""
        seed, difficulty = self._parameters.seed, self._parameters.difficulty
        rng = generator(seed, Purpose.SHOT, identity, shot)
        canvas = np.repeat(np.repeat(colour(rng)[:, None, None], SIDE, axis=1), SIDE, axis=2)
        _Drawing(Face.drawn(seed, identity, difficulty), Glance.drawn(rng, difficulty), canvas).paint()
        return _lit(canvas, rng, difficulty)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One face in one shot on a canvas."""

    face: Face
    glance: Glance
    canvas: Canvas

    def paint(self) -> None:
        face = self.face
        dark = face.skin * np.float32(0.75)
        if face.long_hair:
            self._oval(0.0, 0.58, face.wide * 1.25, 0.44, face.hair)
        self._oval(0.0, 0.42, face.wide * 1.08, 0.36, face.hair)
        self._oval(0.0, 0.5 + 0.12 * face.hairline, face.wide, 0.36 - 0.3 * face.hairline, face.skin)
        self._oval(0.0, 0.66, face.wide * face.jaw, 0.24, face.skin)
        if face.beard:
            self._oval(0.0, 0.8, face.wide * face.jaw * 0.8, 0.11, face.hair)
        for side in (-1, 1):
            self._eye(side)
        self._line((0.0, face.eyes_high), (0.0, face.eyes_high + face.nose), 0.014, dark)
        for side in (-1, 1):
            self._oval(side * face.nostrils, face.eyes_high + face.nose, 0.016, 0.012, dark)
        self._oval(0.0, 0.76, face.mouth, 0.016 + self.glance.open, face.lips)
        self._oval(*face.mole, 0.012, 0.012, dark * np.float32(0.5))

    def _eye(self, side: int) -> None:
        face = self.face
        x, y = side * face.eyes_apart, face.eyes_high
        black = np.zeros(3, dtype=np.float32)
        if face.glasses:
            self._oval(x, y, 0.085, 0.065, black)
            self._oval(x, y, 0.072, 0.052, face.skin * np.float32(0.9))
        self._oval(x, y, face.eye * 1.3, face.eye * 0.8, np.full(3, 0.95, dtype=np.float32))
        self._oval(x, y, face.eye * 0.7, face.eye * 0.7, face.iris)
        self._oval(x, y, face.eye * 0.3, face.eye * 0.3, black)
        inner, outer = (x - side * 0.045, y - 0.08), (x + side * 0.05, y - 0.08 + face.brow_tilt)
        self._line(inner, outer, face.brow, face.hair * np.float32(0.8))

    def _at(self, x: float, y: float) -> Point:
        """Pixel of a point x right of the middle and y below the top: turned, tilted, scaled and moved."""
        glance = self.glance
        deep = np.cos(x / self.face.wide * 0.9)  # what is nearer to the camera moves more with a turn
        sideways, down = x * np.cos(glance.turn) + 0.12 * np.sin(glance.turn) * deep, y - 0.5
        right = sideways * np.cos(glance.tilt) - down * np.sin(glance.tilt)
        below = sideways * np.sin(glance.tilt) + down * np.cos(glance.tilt)
        return (
            float(SIDE * (0.5 + glance.size * right + glance.shift[0])),
            float(SIDE * (0.5 + glance.size * below + glance.shift[1])),
        )

    def _oval(self, x: float, y: float, half_width: float, half_height: float, paint: Colour) -> None:
        scale = SIDE * self.glance.size
        half = scale * half_width * float(np.cos(self.glance.turn)), scale * half_height
        ellipse(self.canvas, self._at(x, y), half, paint)

    def _line(self, start: Point, end: Point, radius: float, paint: Colour) -> None:
        capsule(self.canvas, self._at(*start), self._at(*end), SIDE * self.glance.size * radius, paint)


def _lit(canvas: Canvas, rng: np.random.Generator, difficulty: float) -> Pixels:
    """Light from one side, a cast and noise: grey levels (112, 112, 3)."""
    strength = 0.2 + 0.8 * difficulty
    ramp = np.linspace(-1, 1, SIDE, dtype=np.float32)
    slopes = rng.normal(0, 0.18 * strength, 2).astype(np.float32)
    canvas *= np.float32(np.exp(rng.normal(0, 0.2 * strength)))
    canvas *= np.exp(slopes[0] * ramp[None, None, :] + slopes[1] * ramp[None, :, None])
    canvas *= np.exp(rng.normal(0, 0.08 * strength, 3)).astype(np.float32)[:, None, None]
    canvas += np.float32(0.03 * strength) * rng.standard_normal(canvas.shape, dtype=np.float32)
    return np.ascontiguousarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def _records(parameters: SyntheticParameters, part: str, start: int, stop: int) -> tuple[ImageRecord, ...]:
    shots = parameters.cameras * parameters.images
    return tuple(
        ImageRecord(f"{part}/{identity:05d}_{shot:04d}", str(identity), NO_CAMERA)
        for identity in range(start + 1, stop + 1)
        for shot in range(1, shots + 1)
    )
