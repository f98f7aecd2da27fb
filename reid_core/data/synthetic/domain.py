"""Drawn places that differ: other people before other cameras, whose colours and backgrounds have a style in common.

`synthetic-a` to `synthetic-z` are domains of the built-in data, for what is trained on one and used on another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from reid_core.data.randomness import Purpose, generator
from reid_core.data.synthetic.camera import Camera
from reid_core.data.synthetic.person import colour
from reid_core.data.synthetic.shapes import Colour

__all__ = ["Domain", "domain_number"]

_NAME = re.compile(r"synthetic-([a-z])")
_TINT = 0.6


def domain_number(name: str) -> int:
    """1 to 26 for synthetic-a to synthetic-z, else 0."""
    match = _NAME.fullmatch(name)
    return ord(match[1]) - ord("a") + 1 if match else 0


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """What the cameras of a domain share: `gain` (3,) and `gamma`, the `tint` (3,) of what stands behind people.

    `seed` draws its people and cameras.
    """

    seed: int
    gain: Colour
    gamma: float
    tint: Colour

    @staticmethod
    def drawn(seed: int, number: int) -> Domain:
        """Domain `number` (from 1) of a data set's seed."""
        rng = generator(seed, Purpose.DOMAIN, number)
        return Domain(
            seed=int(rng.integers(2**31)),
            gain=np.exp(rng.normal(0, 0.3, 3)).astype(np.float32),
            gamma=float(np.exp(rng.normal(0, 0.3))),
            tint=colour(rng),
        )

    def restyled(self, camera: Camera) -> Camera:
        """The camera as it would stand in this domain."""
        scene = (1 - _TINT) * camera.scene + _TINT * self.tint[:, None, None] * (0.5 + camera.scene.mean(axis=0))
        return replace(
            camera, scene=scene.astype(np.float32), gain=camera.gain * self.gain, gamma=camera.gamma * self.gamma
        )
