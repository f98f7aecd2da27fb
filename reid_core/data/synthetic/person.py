"""A drawn person: what identifies them (clothes, build, what they carry) and how they stand in one shot."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from reid_core.data.randomness import Purpose, generator
from reid_core.data.synthetic.shapes import Canvas, Colour, Field, Point, Texture, box, capsule, ellipse

__all__ = ["Angle", "Carried", "Pattern", "Person", "Pose", "colour"]

_FAMILY = 4  # identities that dress alike


class Angle(IntEnum):
    """From where a camera sees somebody."""

    FRONT = 0
    BACK = 1
    SIDE = 2


class Pattern(IntEnum):
    """What is on the upper clothes."""

    PLAIN = 0
    ROWS = 1
    COLUMNS = 2
    CHECKS = 3
    BAND = 4
    HALVES = 5


class Carried(IntEnum):
    """What somebody carries or wears on top."""

    NOTHING = 0
    BACKPACK = 1
    BAG = 2
    HAT = 3
    SCARF = 4


@dataclass(frozen=True, slots=True)
class Pose:
    """One shot: angle, mirror (-1 or 1), walking phase (radians), the person's height, centre and feet in pixels."""

    angle: Angle
    mirror: int
    phase: float
    height: float
    centre: float
    feet: float

    @staticmethod
    def drawn(rng: np.random.Generator, angles: tuple[float, ...], scale: float, shift: Point) -> Pose:
        """A pose under a camera with these chances of angles, its scale and shift (pixels)."""
        return Pose(
            angle=Angle(int(rng.choice(len(Angle), p=angles))),
            mirror=int(rng.choice((-1, 1))),
            phase=float(rng.uniform(0, 2 * np.pi)),
            height=float(108 * scale * rng.uniform(0.92, 1.08)),
            centre=float(32 + shift[0] + rng.normal(0, 2.5)),
            feet=float(121 + shift[1] + rng.normal(0, 2.5)),
        )


@dataclass(frozen=True, slots=True)
class Person:
    """What is the same in every image of an identity."""

    upper: Colour
    lower: Colour
    accent: Colour
    carried_colour: Colour
    shoes: Colour
    skin: Colour
    hair: Colour
    pattern: Pattern
    period: float
    carried: Carried
    long_sleeves: bool
    short_trousers: bool
    long_hair: bool
    build: float
    tall: float

    @staticmethod
    def drawn(seed: int, identity: int, difficulty: float) -> Person:
        """Identity `identity` (from 0): colours near those of its family, cut and things carried its own."""
        family = generator(seed, Purpose.IDENTITY, 0, identity // _FAMILY)
        own = generator(seed, Purpose.IDENTITY, 1, identity)
        alike = 0.1 + 0.5 * difficulty
        upper, lower = (alike * colour(family) + (1 - alike) * colour(own) for _ in range(2))
        tone = family.uniform(0.35, 0.9)
        return Person(
            upper=upper,
            lower=lower,
            accent=colour(own),
            carried_colour=colour(own),
            shoes=colour(own) * np.float32(0.6),
            skin=np.array([tone, tone * 0.78, tone * 0.62], dtype=np.float32),
            hair=np.array([0.5, 0.38, 0.25], dtype=np.float32) * np.float32(own.uniform(0.1, 1.3)),
            pattern=Pattern(int(own.integers(len(Pattern)))),
            period=float(own.uniform(6, 14)),
            carried=Carried(int(own.integers(len(Carried)))),
            long_sleeves=bool(own.random() < 0.5),
            short_trousers=bool(own.random() < 0.35),
            long_hair=bool(own.random() < 0.4),
            build=float(own.uniform(0.85, 1.2)),
            tall=float(own.uniform(0.92, 1.06)),
        )

    def paint(self, canvas: Canvas, pose: Pose) -> None:
        """Paint the person, back to front."""
        _Body(self, pose, canvas).paint()


def colour(rng: np.random.Generator) -> Colour:
    """A colour as clothes and walls have it."""
    return np.array(
        colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.1, 0.9), rng.uniform(0.15, 0.95)), dtype=np.float32
    )


@dataclass(frozen=True, slots=True)
class _Body:
    """One person in one pose on a canvas; lengths are shares of the body's height."""

    person: Person
    pose: Pose
    canvas: Canvas

    def paint(self) -> None:
        back = self.pose.angle is Angle.BACK
        side = self.pose.angle is Angle.SIDE
        self._arm(-1)
        self._leg(-1)
        self._leg(1)
        if self.person.carried is Carried.BACKPACK and side:
            self._backpack(-0.1 * self.pose.mirror, 0.055)
        self._torso()
        if self.person.carried is Carried.BACKPACK and back:
            self._backpack(0.0, 0.085)
        self._head(back=back)
        self._arm(1)
        self._worn(back=back)

    def _at(self, x: float, y: float) -> Point:
        """Pixel of a point x right of the middle and y below the top of the head."""
        tall = self.pose.height * self.person.tall
        return self.pose.centre + x * tall, self.pose.feet - (1 - y) * tall

    def _long(self, share: float) -> float:
        return share * self.pose.height * self.person.tall

    @property
    def _half_width(self) -> float:
        return (0.085 if self.pose.angle is Angle.SIDE else 0.12) * self.person.build

    def _swing(self, side: int) -> float:
        reach = 0.13 if self.pose.angle is Angle.SIDE else 0.025
        return side * reach * float(np.sin(self.pose.phase)) * self.pose.mirror

    def _leg(self, side: int) -> None:
        hip = side * 0.45 * self._half_width
        foot = hip + self._swing(side)
        knee = (hip + foot) / 2
        low = self.person.skin if self.person.short_trousers else self.person.lower
        width = self._long(0.045 * self.person.build)
        capsule(self.canvas, self._at(knee, 0.72), self._at(foot, 0.94), 0.8 * width, low)
        capsule(self.canvas, self._at(hip, 0.5), self._at(knee, 0.72), width, self.person.lower)
        toe = foot + (0.03 * self.pose.mirror if self.pose.angle is Angle.SIDE else 0.0)
        capsule(self.canvas, self._at(foot, 0.97), self._at(toe, 0.975), self._long(0.027), self.person.shoes)

    def _arm(self, side: int) -> None:
        shoulder = side * (0.3 if self.pose.angle is Angle.SIDE else 0.95) * self._half_width
        elbow = shoulder + (0.02 * side) - 0.6 * self._swing(side)
        hand = elbow - 0.5 * self._swing(side)
        low = self.person.upper if self.person.long_sleeves else self.person.skin
        capsule(self.canvas, self._at(elbow, 0.35), self._at(hand, 0.49), self._long(0.025), low)
        capsule(self.canvas, self._at(shoulder, 0.2), self._at(elbow, 0.35), self._long(0.033), self.person.upper)

    def _torso(self) -> None:
        half = self._long(self._half_width), self._long(0.19)
        box(self.canvas, self._at(0, 0.34), half, self.person.upper, self._texture())

    def _texture(self) -> tuple[Texture, Colour] | None:
        middle, chest = self._at(0, 0.3)
        period = self.person.period * self.pose.height / 108

        def wave(along: Field) -> Field:
            stripes: Field = np.clip(0.5 + 2 * np.sin(2 * np.pi * along / period), 0, 1)
            return stripes

        textures: dict[Pattern, Texture] = {
            Pattern.ROWS: lambda _, y: wave(y - chest),
            Pattern.COLUMNS: lambda x, _: wave(x - middle),
            Pattern.CHECKS: lambda x, y: np.abs(wave(x - middle) - wave(y - chest)),
            Pattern.BAND: lambda _, y: np.clip(period / 2 - np.abs(y - chest), 0, 1),
            Pattern.HALVES: lambda _, y: np.clip(y - chest, 0, 1),
        }
        where = textures.get(self.person.pattern)
        return None if where is None else (where, self.person.accent)

    def _backpack(self, x: float, half: float) -> None:
        box(self.canvas, self._at(x, 0.31), (self._long(half), self._long(0.12)), self.person.carried_colour)

    def _head(self, *, back: bool) -> None:
        size = self._long(0.055), self._long(0.072)
        if self.person.long_hair:
            box(self.canvas, self._at(0, 0.12), (self._long(0.06), self._long(0.075)), self.person.hair)
        ellipse(self.canvas, self._at(0, 0.08), size, self.person.hair if back else self.person.skin)
        turn = -0.015 * self.pose.mirror if self.pose.angle is Angle.SIDE else 0.0
        ellipse(self.canvas, self._at(turn, 0.045), (size[0], self._long(0.045)), self.person.hair)

    def _worn(self, *, back: bool) -> None:
        paint = self.person.carried_colour
        if self.person.carried is Carried.HAT:
            box(self.canvas, self._at(0, 0.035), (self._long(0.062), self._long(0.035)), paint)
        elif self.person.carried is Carried.SCARF:
            box(self.canvas, self._at(0, 0.16), (self._long(0.07), self._long(0.028)), paint)
        elif self.person.carried is Carried.BAG:
            side = self.pose.mirror * (0.6 if self.pose.angle is Angle.SIDE else 1.25) * self._half_width
            capsule(self.canvas, self._at(-0.5 * side, 0.18), self._at(side, 0.46), self._long(0.012), paint)
            box(self.canvas, self._at(side, 0.5), (self._long(0.055), self._long(0.06)), paint)
        elif self.person.carried is Carried.BACKPACK and not back:
            for strap in (-0.5, 0.5):
                x = strap * self._half_width
                capsule(self.canvas, self._at(x, 0.17), self._at(x, 0.33), self._long(0.013), paint)
