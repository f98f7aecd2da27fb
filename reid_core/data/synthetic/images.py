"""The built-in data: people drawn from a seed, seen by cameras that disagree about colour, light and angle.

Made so that raw pixels say little and training says much: identities come in families that dress alike and differ in
cut, pattern and what they carry, while each camera has its own cast, contrast, sharpness, viewpoint and background.
Nothing is stored: an image is a function of the parameters and its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from PIL import Image

from reid_core.config.schema.data import Synthetic
from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import Dataset, ImageRecord, Layout
from reid_core.data.sources import Interpolation, Pixels, Size, fit
from reid_core.data.synthetic.camera import Camera
from reid_core.data.synthetic.domain import Domain
from reid_core.data.synthetic.person import Person, Pose

__all__ = ["SyntheticParameters", "SyntheticSource", "synthetic_dataset"]

_VERSION = 1  # of the drawing: a new one gives new fingerprints
_PARTIAL = "partial/"


@dataclass(frozen=True, slots=True)
class SyntheticParameters:
    """What the set is made from. `images` are those of one identity in one camera; each camera sees every identity.

    `difficulty` in [0, 1]: how much a family dresses alike and cameras differ, hide and blur. `partial`: queries show a
    part of somebody. `domain`: other people and cameras in another style, by its number; 0 has none.
    """

    identities: int = 48
    test_identities: int = 32
    cameras: int = 4
    images: int = 4
    seed: int = 0
    difficulty: float = 0.5
    partial: bool = False
    domain: int = 0

    @classmethod
    def of(cls, settings: Synthetic) -> SyntheticParameters:
        """The set of DATASETS.SYNTHETIC, of no domain."""
        return cls(**settings.model_dump(by_alias=False))


def synthetic_dataset(parameters: SyntheticParameters) -> Dataset:
    """The data set of `parameters`: the first shot of a test identity in each camera is a query, all are gallery."""
    first_test = parameters.identities
    everybody = first_test + parameters.test_identities
    test = _records(parameters, "test", first_test, everybody)
    content = json.dumps({"synthetic": _VERSION, **_told(parameters)}, sort_keys=True)
    query = test[:: parameters.images]
    return Dataset(
        layout=Layout.SYNTHETIC,
        train=_records(parameters, "train", 0, first_test),
        query=_partial(query) if parameters.partial else query,
        gallery=test,
        fingerprint=hashlib.sha256(content.encode()).hexdigest(),
        source=SyntheticSource(parameters),
    )


class SyntheticSource:
    """Draws the images of a synthetic data set by their names."""

    def __init__(self, parameters: SyntheticParameters) -> None:
        domain = Domain.drawn(parameters.seed, parameters.domain) if parameters.domain else None
        self._parameters = parameters if domain is None else replace(parameters, seed=domain.seed)
        cameras = (
            Camera.drawn(generator(self._parameters.seed, Purpose.CAMERA, number), parameters.difficulty)
            for number in range(parameters.cameras)
        )
        self._cameras = [camera if domain is None else domain.restyled(camera) for camera in cameras]

    def decode(self, path: str, size: Size, interpolation: Interpolation) -> Pixels:
        """RGB (H, W, 3) at `size`."""
        identity, camera, shot = (int(part) for part in path.rsplit("/", 1)[-1].replace("c", "").split("_"))
        pixels = self.draw(identity - 1, camera - 1, shot)
        if path.startswith(_PARTIAL):
            pixels = _part(pixels, generator(self._parameters.seed, Purpose.PARTIAL, identity, camera, shot))
        return fit(Image.fromarray(pixels), size, interpolation)

    def stamp(self, paths: Sequence[str]) -> str:
        """Nothing on this machine changes these images."""
        return f"drawn {len(paths)}"

    def draw(self, identity: int, camera: int, shot: int) -> Pixels:
        """RGB (128, 64, 3) of one image; all numbers count from 0."""
        seed, difficulty = self._parameters.seed, self._parameters.difficulty
        rng = generator(seed, Purpose.SHOT, identity, camera, shot)
        view = self._cameras[camera]
        person = Person.drawn(seed, identity, difficulty)
        canvas = view.background(rng)
        person.paint(canvas, Pose.drawn(rng, view.angles, view.scale, view.shift))
        return view.expose(canvas, rng)


def _records(parameters: SyntheticParameters, part: str, start: int, stop: int) -> tuple[ImageRecord, ...]:
    return tuple(
        ImageRecord(f"{part}/{identity:05d}_c{camera:02d}_{shot:04d}", str(identity), camera)
        for identity in range(start + 1, stop + 1)
        for camera in range(1, parameters.cameras + 1)
        for shot in range(parameters.images)
    )


def _told(parameters: SyntheticParameters) -> dict[str, int | float]:
    """What the fingerprint is of; sets from before there were parts and domains keep theirs."""
    younger = {"partial": parameters.partial, "domain": parameters.domain}
    return {name: value for name, value in asdict(parameters).items() if younger.get(name, True)}


def _partial(records: tuple[ImageRecord, ...]) -> tuple[ImageRecord, ...]:
    """The same shots, cut."""
    return tuple(ImageRecord(_PARTIAL + record.path.split("/", 1)[1], record.pid, record.camid) for record in records)


def _part(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The upper or lower 40 to 70 % of an image (H, W, 3), and 70 to 100 % of its width."""
    height, width = pixels.shape[:2]
    tall, wide = round(height * rng.uniform(0.4, 0.7)), round(width * rng.uniform(0.7, 1.0))
    top = int(rng.integers(2)) * (height - tall)
    left = int(rng.integers(width - wide + 1))
    return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])
