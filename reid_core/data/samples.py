"""A few images of each part of a data set, for people to look at before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reid_core.config import Config
from reid_core.data.pipeline import load_datasets
from reid_core.data.records import ImageRecord
from reid_core.data.sources import ImageSource

__all__ = ["Sample", "sample_images"]


@dataclass(frozen=True, slots=True)
class Sample:
    """An image: which part it is of, whose it is, which camera took it (-1: nobody knows), and where its pixels are."""

    part: str
    pid: str
    camid: int
    path: str
    source: ImageSource


def sample_images(config: Config, each: int) -> list[Sample]:
    """`each` images of the training, query and gallery images that DATASETS names, spread over what is there.

    Nothing is decoded, and the same data give the same images. Raises DataError.
    """
    sets = load_datasets(config)
    found = [
        Sample("train", record.pid, record.camid, record.path, sets.train.source)
        for record in _spread(sets.train.train, each)
    ]
    for name, dataset in sets.tests.items():
        for part, records in (("query", dataset.query), ("gallery", dataset.gallery)):
            told = f"{part} of {name}" if len(sets.tests) > 1 else part
            found += [
                Sample(told, record.pid, record.camid, record.path, dataset.source) for record in _spread(records, each)
            ]
    return found


def _spread(records: Sequence[ImageRecord], count: int) -> list[ImageRecord]:
    """At most `count` of the records, at equal distances."""
    if len(records) <= count:
        return list(records)
    return [records[(2 * place + 1) * len(records) // (2 * count)] for place in range(count)]
