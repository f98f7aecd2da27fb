"""An inspection as the views that people and programs get. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from orchestrator.service.inspection.views import (
    Change,
    Confusion,
    Found,
    Gallery,
    GroupRow,
    Image,
    Looked,
    MapView,
    Pair,
    Queries,
    QueryOrder,
    QueryRow,
    QueryWish,
)
from reid_core.errors import Conflict, Finding, InvalidInput, NotFound

if TYPE_CHECKING:
    from reid_core.engine.inspection_folder import Group, Inspection

__all__ = ["change_between", "gallery_of", "map_of", "queries_of", "query_of"]

_MARKS = ("wrong", "right", "same camera")
_LEFT_OUT = 2
_HARDEST = 12
_MOST_CONFUSED = 50
_SAME_AP = 1e-9

Order = npt.NDArray[np.int64]


def gallery_of(looked: Looked, found: Inspection) -> Gallery:
    """Everything but the queries."""
    words = found.words
    groups = words.groups
    images = _image_of_label(found)
    return Gallery(
        looked=looked,
        conditions=words.conditions,
        metrics=dict(words.metrics),
        counts=dict(words.counts),
        top=words.top,
        height=words.size[0],
        width=words.size[1],
        cameras=tuple(map(_group, groups.get("camera", ()))),
        identities=tuple(sorted(map(_group, groups.get("identity", ())), key=lambda one: one.mean_ap)),
        confusions=tuple(
            Confusion(query=_image(found, images[asked]), found=_image(found, images[answered]), queries=count)
            for asked, answered, count in found.confusion[:_MOST_CONFUSED].tolist()
        ),
        confused=len(found.confusion),
        nearest_wrong=_pairs(found, right=False),
        farthest_right=_pairs(found, right=True),
        maps=tuple(found.maps),
        missing=dict(words.missing),
    )


def queries_of(found: Inspection, wish: QueryWish, other: Inspection | None = None) -> Queries:
    """A page of queries in order; with `other`, an inspection of the same queries, theirs beside them.

    Raises Conflict when `other` is of other queries, InvalidInput for an order that needs one.
    """
    if other is not None:
        _check_same(found, other)
    elif wish.order in {QueryOrder.IMPROVED, QueryOrder.WORSE}:
        message = f"the order {wish.order} compares two trials"
        raise InvalidInput(Finding("order", message, file="order", key="order", hint="name the other: against"))
    order = _ordered(found, wish, other)
    pages = max(1, -(-len(order) // wish.size))
    page = min(wish.page, pages)
    shown = order[(page - 1) * wish.size : page * wish.size].tolist()
    return Queries(
        total=len(order),
        page=page,
        pages=pages,
        rows=tuple(query_of(found, number, wish.top) for number in shown),
        others=() if other is None else tuple(query_of(other, number, wish.top) for number in shown),
    )


def query_of(found: Inspection, number: int, top: int) -> QueryRow:
    """One query with the first `top` images that count, and those left out among them. Raises NotFound."""
    if not 0 <= number < len(found.query_image):
        raise NotFound(f"the inspection has no query {number}", hint=f"it has {len(found.query_image)}")
    lists, shown, rank = found.lists, [], 0
    columns = (lists.positions[number], lists.marks[number], lists.distances[number])
    for position, mark, distance in zip(*(column.tolist() for column in columns), strict=True):
        if position < 0 or rank >= top:
            break
        rank += mark != _LEFT_OUT
        shown.append(_found(found, position, _MARKS[mark], distance, None if mark == _LEFT_OUT else rank))
    valid = bool(found.valid[number])
    return QueryRow(
        **dict(_image(found, int(found.query_image[number]))),
        query=number,
        ap=float(found.ap[number]) if valid else None,
        inp=float(found.inp[number]) if valid else None,
        first_hit=int(found.first_hit[number]) if valid else None,
        found=tuple(shown),
        nearest_wrong=_hard(found, number, right=False),
        farthest_right=_hard(found, number, right=True),
    )


def change_between(after: Inspection, before: Inspection) -> Change:
    """How the APs of the same queries differ. Raises Conflict when they are not the same."""
    _check_same(after, before)
    both = after.valid & before.valid
    gain = after.ap[both] - before.ap[both]
    improved, worse = int((gain > _SAME_AP).sum()), int((gain < -_SAME_AP).sum())
    means = [float(one.ap[both].mean()) if both.any() else 0.0 for one in (before, after)]
    return Change(
        improved=improved, worse=worse, same=int(both.sum()) - improved - worse, before=means[0], after=means[1]
    )


def map_of(found: Inspection, method: str) -> MapView:
    """The embeddings on a plane. Raises NotFound with the reason where there is no such map."""
    if method not in found.maps:
        why = found.words.missing.get(method, f"there is no map {method!r}")
        raise NotFound(why, hint=f"there is {', '.join(found.maps) or 'none'}")
    places = found.maps[method]
    query = {image: number for number, image in enumerate(found.query_image.tolist())}
    numbers = found.points.tolist()
    asked = [query.get(number) for number in numbers]
    return MapView(
        method=method,
        number=tuple(numbers),
        x=tuple(np.round(places[:, 0], 4).tolist()),
        y=tuple(np.round(places[:, 1], 4).tolist()),
        identity=tuple(found.words.identities[label] for label in found.label[found.points].tolist()),
        camera=tuple(_camera(found, number) for number in numbers),
        query=tuple(asked),
        ap=tuple(None if one is None or not found.valid[one] else round(float(found.ap[one]), 4) for one in asked),
    )


def _ordered(found: Inspection, wish: QueryWish, other: Inspection | None) -> Order:
    """The queries that are wished for, in order; equal ones by number."""
    ap = np.where(found.valid, found.ap, np.nan)
    wanted = found.valid & (ap >= wish.low) & (ap <= wish.high)
    if not (wish.low > 0 or wish.high < 1):
        wanted = wanted | ~found.valid
    if wish.camera is not None:
        wanted = wanted & (found.camera[found.query_image] - found.words.first_camera == wish.camera)
    if wish.identity:
        names = np.array(found.words.identities)
        wanted = wanted & (names[found.label[found.query_image]] == wish.identity)
    gain = np.zeros(len(ap)) if other is None else ap - np.where(other.valid, other.ap, np.nan)
    keys: Mapping[QueryOrder, npt.NDArray[np.float64]] = {
        QueryOrder.HARDEST: ap,
        QueryOrder.BEST: -ap,
        QueryOrder.FIRST_HIT: -found.first_hit.astype(np.float64),
        QueryOrder.IMPROVED: -gain,
        QueryOrder.WORSE: gain,
    }
    order = np.argsort(keys[wish.order], kind="stable")  # NaN: queries without a match, last
    if wish.order in {QueryOrder.IMPROVED, QueryOrder.WORSE}:
        sign = 1 if wish.order is QueryOrder.IMPROVED else -1
        wanted = wanted & (sign * gain > _SAME_AP)
    return order[wanted[order]]


def _check_same(found: Inspection, other: Inspection) -> None:
    asked = [[one.words.images[image] for image in one.query_image.tolist()] for one in (found, other)]
    if asked[0] != asked[1]:
        message = "these two were measured on other queries: they cannot be compared query by query"
        raise Conflict(message, hint="compare trials of one study, or of studies with the same data and split")


def _pairs(found: Inspection, *, right: bool) -> tuple[Pair, ...]:
    """The nearest wrong images, or the farthest right ones, over all queries."""
    lists = found.lists
    distance = -lists.farthest_right_distance if right else lists.nearest_wrong_distance
    order = np.argsort(distance, kind="stable")
    chosen = order[~np.isnan(distance[order])][:_HARDEST].tolist()
    pairs = [(number, _hard(found, number, right=right)) for number in chosen]
    return tuple(
        Pair(query=_image(found, int(found.query_image[number])), found=hard) for number, hard in pairs if hard
    )


def _hard(found: Inspection, number: int, *, right: bool) -> Found | None:
    lists = found.lists
    position = int((lists.farthest_right if right else lists.nearest_wrong)[number])
    if position < 0:
        return None
    distance = float((lists.farthest_right_distance if right else lists.nearest_wrong_distance)[number])
    rank = (
        round(_matches(found, number) / float(found.inp[number])) if right else _rank_in_list(found, number, position)
    )
    return _found(found, position, _MARKS[right], distance, rank)


def _matches(found: Inspection, number: int) -> int:
    """How many gallery images count as right."""
    image = found.query_image[number]
    same = found.label[found.gallery_image] == found.label[image]
    return int((same & (found.camera[found.gallery_image] != found.camera[image])).sum())


def _rank_in_list(found: Inspection, number: int, position: int) -> int | None:
    """The rank of an image that counts; None behind the end of the list."""
    counted = found.lists.positions[number][found.lists.marks[number] != _LEFT_OUT].tolist()
    return counted.index(position) + 1 if position in counted else None


def _found(found: Inspection, position: int, mark: str, distance: float, rank: int | None) -> Found:
    image = _image(found, int(found.gallery_image[position]))
    return Found(**dict(image), rank=rank, mark=mark, distance=round(distance, 6) + 0.0)  # no -0


def _image(found: Inspection, number: int) -> Image:
    return Image(
        number=number,
        identity=found.words.identities[int(found.label[number])],
        camera=_camera(found, number),
        name=found.words.images[number],
    )


def _camera(found: Inspection, number: int) -> int | None:
    camera = int(found.camera[number])
    return None if camera < 0 else camera - found.words.first_camera


def _image_of_label(found: Inspection) -> dict[int, int]:
    """An image of each identity: that of its first query, else its first in the gallery."""
    numbers = [*found.gallery_image[::-1].tolist(), *found.query_image[::-1].tolist()]
    return {int(found.label[number]): number for number in numbers}


def _group(one: Group) -> GroupRow:
    return GroupRow(name=one.name, queries=one.queries, mean_ap=one.mean_ap, rank1=one.rank1)
