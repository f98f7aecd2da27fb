"""What every data set must have before anything is trained on it, whatever its layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum

from reid_core.data.files import Found, examples
from reid_core.data.records import NO_CAMERA, ImageRecord, identities_of
from reid_core.errors import DataError, Finding

__all__ = ["Use", "check", "unmatched", "view"]


class Use(StrEnum):
    """What a data set is for."""

    TRAIN = "train"
    TEST = "test"
    BOTH = "both"


def check(found: Found, place: str, *, use: Use = Use.BOTH, no_cameras: bool) -> list[str]:
    """Warnings for a person. Raises DataError with every fault; `place` is the folder, named in each.

    Only splits that are there can be judged further, so an empty data set or split ends the check.
    """
    _check_splits(found, place, use)
    findings = [] if use is Use.TEST else _identities(found, place)
    if use is Use.TRAIN:
        if findings:
            raise DataError(findings)
        return []
    findings += _cameras(found, place, no_cameras=no_cameras)
    lonely = unmatched(found.query, found.gallery, no_cameras=no_cameras)
    if len(lonely) == len(found.query) and not findings:
        findings.append(_no_match(found, place, no_cameras=no_cameras))
    if findings:
        raise DataError(findings)
    overlap = _overlap_warning(found) if use is Use.BOTH else []
    return [*_lonely_warning(lonely, len(found.query)), *overlap]


def unmatched(query: Sequence[ImageRecord], gallery: Iterable[ImageRecord], *, no_cameras: bool) -> list[ImageRecord]:
    """The queries without a right answer: same identity by another camera or, with `no_cameras`, on another image."""
    seen: dict[str, set[str | int]] = defaultdict(set)
    for record in gallery:
        seen[record.pid].add(view(record, no_cameras=no_cameras))
    return [record for record in query if not seen[record.pid] - {view(record, no_cameras=no_cameras)}]


def view(record: ImageRecord, *, no_cameras: bool) -> str | int:
    """What two images must differ in to be a query and its right answer; an unknown camera is one of its own."""
    return record.path if no_cameras or record.camid == NO_CAMERA else record.camid


def _check_splits(found: Found, place: str, use: Use) -> None:
    parts = {"train": found.train, "query": found.query, "gallery": found.gallery}
    needed = {Use.TRAIN: {"train"}, Use.TEST: {"query", "gallery"}, Use.BOTH: set(parts)}[use]
    empty = [name for name, part in parts.items() if not part and name in needed]
    if not any(parts.values()):
        left_out = ", ".join(f"{count} {reason}" for reason, count in sorted(found.ignored.items()) if count > 0)
        raise DataError(
            Finding(
                "no-images",
                "there is no image in it" + (f"; left out: {left_out}" if left_out else ""),
                file=place,
                hint="name the folder that holds the images with --data (DATASETS.ROOT)",
                key="DATASETS.ROOT",
            )
        )
    if empty:
        counts = ", ".join(f"{len(part)} {name}" for name, part in parts.items())
        raise DataError(
            Finding(
                "one-sided-split",
                f"there is no image to {' and none to '.join(_USE[name] for name in empty)} ({counts})",
                file=place,
                hint="all of train, query and gallery need images; one folder per identity is split for you"
                if found.train
                else "to only test on it, name it in DATASETS.TESTS and what to train on in DATASETS.NAMES",
                key="DATASETS.ROOT",
            )
        )


_USE = {"train": "train on", "query": "ask for (query)", "gallery": "search in (gallery)"}


def _identities(found: Found, place: str) -> list[Finding]:
    people = identities_of(found.train)
    if len(people) > 1:
        return []
    return [
        Finding(
            "one-identity",
            f"all {len(found.train)} training images show one identity, '{people[0]}'",
            file=place,
            hint="re-identification is learned by telling identities apart: add others",
            key="DATASETS.ROOT",
        )
    ]


def _cameras(found: Found, place: str, *, no_cameras: bool) -> list[Finding]:
    cameras = {record.camid for part in (found.train, found.query, found.gallery) for record in part}
    if no_cameras or len(cameras) != 1 or NO_CAMERA in cameras:
        return []
    return [
        Finding(
            "one-camera",
            f"all images come from one camera, number {min(cameras)}: no query has a match by another",
            file=place,
            hint="if cameras are unknown, say so with --no-cameras (DATASETS.NO_CAMERAS true): "
            "evaluation then drops only the query itself",
            key="DATASETS.NO_CAMERAS",
        )
    ]


def _no_match(found: Found, place: str, *, no_cameras: bool) -> Finding:
    where = "on another image" if no_cameras else "by another camera"
    return Finding(
        "no-match",
        f"none of the {len(found.query)} queries has its identity {where} in the gallery",
        file=place,
        hint="check that query and gallery show the same identities"
        + ("" if no_cameras else ", or use --no-cameras (DATASETS.NO_CAMERAS true)"),
        key="DATASETS.ROOT",
    )


def _lonely_warning(lonely: list[ImageRecord], queries: int) -> list[str]:
    if not lonely:
        return []
    names = examples([record.path for record in lonely])
    return [f"{len(lonely)} of {queries} queries have no match in the gallery and are not counted: {names}"]


def _overlap_warning(found: Found) -> list[str]:
    known = {record.pid for record in found.train}
    both = [pid for pid in identities_of(found.query) if pid in known]
    if not both:
        return []
    return [f"{len(both)} identities are trained on and tested on: {examples(both)}; the test is too easy by that"]
