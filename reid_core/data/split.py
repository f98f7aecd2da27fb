"""Identities set aside to measure on: seeded, disjoint from training, with queries whose match another camera took."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reid_core.data.checks import view
from reid_core.data.randomness import Purpose, generator
from reid_core.data.records import ImageRecord, Indices, identities_of
from reid_core.errors import DataError, Finding

__all__ = ["QUERIES_PER_CAMERA", "Cut", "cut", "cut_fingerprint"]

QUERIES_PER_CAMERA = 4
"""Per identity and camera, at most: enough that the metric is steady, few enough that big identities do not rule it."""
_LEAST = 2  # identities: retrieval needs a wrong answer, training needs a negative


@dataclass(frozen=True, slots=True)
class Cut:
    """Sorted positions in the records that were cut. Every query is in the gallery too.

    Evaluation drops the query itself there: with cameras as part of its own camera, without as that one image.
    """

    train: Indices
    query: Indices
    gallery: Indices


def cut(
    records: Sequence[ImageRecord],
    fraction: float,
    *,
    seed: int,
    no_cameras: bool,
    purpose: str,
    queries_per_camera: int = QUERIES_PER_CAMERA,
) -> Cut:
    """Set aside `fraction` of the identities of `records`, at least two, and choose queries among their images.

    Only identities that can be queries are drawn: seen by two cameras, or, with `no_cameras`, on two images. Up to
    `queries_per_camera` images of each camera of an identity are queries (with `no_cameras`: of each identity).
    Raises DataError where that leaves fewer than two identities on either side; `purpose` names the split in it.
    """
    by_identity: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        by_identity[record.pid].append(index)
    views = {
        pid: len({view(records[index], no_cameras=no_cameras) for index in own}) for pid, own in by_identity.items()
    }
    able = [pid for pid in identities_of(records) if views[pid] > 1]
    _check(len(by_identity), len(able), purpose, no_cameras=no_cameras)
    wanted = max(_LEAST, round(fraction * len(by_identity)))
    rng = generator(seed, Purpose.SPLIT)
    chosen = [able[index] for index in rng.permutation(len(able))[: min(wanted, len(by_identity) - _LEAST)]]
    query: list[int] = []
    for pid in sorted(chosen):
        query += _queries(records, by_identity[pid], rng, queries_per_camera, no_cameras=no_cameras)
    gallery = sorted(index for pid in chosen for index in by_identity[pid])
    train = np.setdiff1d(np.arange(len(records)), gallery)
    return Cut(train, np.array(sorted(query), dtype=np.int64), np.array(gallery, dtype=np.int64))


def cut_fingerprint(records: Sequence[ImageRecord], parts: Cut, *, no_cameras: bool) -> str:
    """The sha256 of which image is trained on, asked for and searched in, and by which rule about cameras."""
    digest = hashlib.sha256(b"no cameras\n" if no_cameras else b"cameras\n")
    for name, part in (("train", parts.train), ("query", parts.query), ("gallery", parts.gallery)):
        for index in part:
            record = records[index]
            digest.update(f"{name}\0{record.path}\0{record.pid}\0{record.camid}\n".encode())
    return digest.hexdigest()


def _queries(
    records: Sequence[ImageRecord], own: list[int], rng: np.random.Generator, most: int, *, no_cameras: bool
) -> list[int]:
    by_camera: dict[int, list[int]] = defaultdict(list)
    for index in own:
        by_camera[0 if no_cameras else records[index].camid].append(index)
    return [
        images[place]
        for _, images in sorted(by_camera.items())
        for place in rng.permutation(len(images))[:most].tolist()
    ]


def _check(identities: int, able: int, purpose: str, *, no_cameras: bool) -> None:
    if identities < 2 * _LEAST:
        raise DataError(
            Finding(
                "too-few-identities",
                f"the {purpose} needs {_LEAST} identities and training {_LEAST} others; there are {identities}",
                hint="add identities",
                key="DATASETS.ROOT",
            )
        )
    if able < _LEAST:
        seen = "on two images" if no_cameras else "by two cameras"
        raise DataError(
            Finding(
                "no-cross-camera-identities",
                f"the {purpose} needs {_LEAST} identities seen {seen}; there are {able} of {identities}",
                hint="add images" if no_cameras else "add images, or use --no-cameras (DATASETS.NO_CAMERAS true)",
                key="DATASETS.ROOT" if no_cameras else "DATASETS.NO_CAMERAS",
            )
        )
