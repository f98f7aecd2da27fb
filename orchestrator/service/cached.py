"""Decoded images of this node: what is kept, what the limit is, and removing it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from reid_core.data.cache import cache_folder
from reid_core.data.kept_images import KeptImages, kept_images, limit_of, remove
from reid_core.errors import Finding, InvalidInput, NotFound

__all__ = ["CacheRow", "CacheView", "Cleared", "cache_view", "clear_cache", "going", "set_limit"]

_FEWEST = 4
"""Characters of a name that say which is meant."""


class CacheRow(BaseModel):
    """One array of decoded images."""

    model_config = ConfigDict(frozen=True)

    name: str
    images: int
    height: int
    width: int
    bytes: int
    interpolation: str = Field(description="empty: not known")
    fingerprint: str = Field(description="of the data; empty: not known")
    place: str = Field(description="the folder of the images; empty: not known, or not a folder")
    seconds_unused: float = Field(description="since somebody opened it last")
    used: bool = Field(description="somebody has it in memory: it is not removed")

    @classmethod
    def of(cls, one: KeptImages) -> CacheRow:
        """What is shown of an array."""
        return cls(
            name=one.file.stem,
            images=one.images,
            height=one.height,
            width=one.width,
            bytes=one.bytes,
            interpolation=one.interpolation,
            fingerprint=one.fingerprint,
            place=one.place,
            seconds_unused=round(one.seconds_unused, 1),
            used=one.used,
        )


class CacheView(BaseModel):
    """All arrays of a folder, those unused longest first: they are the first to go."""

    model_config = ConfigDict(frozen=True)

    folder: str
    bytes: int
    limit: int = Field(description="bytes that all of them may take")
    rows: tuple[CacheRow, ...]


class Cleared(BaseModel):
    """What was removed, and what stays for somebody uses it."""

    model_config = ConfigDict(frozen=True)

    folder: str
    removed: tuple[CacheRow, ...]
    bytes: int
    in_use: tuple[CacheRow, ...]


def cache_view(folder: str = "") -> CacheView:
    """The arrays of a cache (default: this home's)."""
    place = cache_folder(folder)
    rows = tuple(map(CacheRow.of, kept_images(place)))
    return CacheView(folder=str(place), bytes=sum(row.bytes for row in rows), limit=limit_of(place), rows=rows)


def going(names: Collection[str] = (), *, unused_for: float = 0.0, folder: str = "") -> tuple[CacheRow, ...]:
    """The arrays that `clear_cache` would remove, or find in use. Raises NotFound for a name that none begins with."""
    rows = tuple(map(CacheRow.of, kept_images(cache_folder(folder))))
    for name in names:
        if len(name) < _FEWEST or not any(row.name.startswith(name) for row in rows):
            raise NotFound(
                f"no array of decoded images is named {name}…",
                hint="`reid-tune cache ls` names them; 4 letters will do",
            )
    chosen = (row for row in rows if not names or row.name.startswith(tuple(names)))
    return tuple(row for row in chosen if row.seconds_unused >= unused_for)


def clear_cache(rows: Collection[CacheRow], folder: str = "") -> Cleared:
    """Remove arrays. What a process uses stays; so does what somebody opens meanwhile."""
    place = cache_folder(folder)
    gone = [row for row in rows if remove(place / "images" / f"{row.name}.npy")]
    return Cleared(
        folder=str(place),
        removed=tuple(gone),
        bytes=sum(row.bytes for row in gone),
        in_use=tuple(row for row in rows if row not in gone),
    )


def set_limit(gib: float, folder: str = "") -> CacheView:
    """Let all arrays of a cache take `gib` GiB from the next that is built on. Raises InvalidInput for 0 or less."""
    place = cache_folder(folder)
    if not 0 < gib < float("inf"):
        raise InvalidInput(
            Finding("cache-limit", f"{gib:g} is no size of a cache", file="GIB", hint="a number of GiB above 0, as 64")
        )
    place.mkdir(parents=True, exist_ok=True)
    _write(place / "limit", f"{gib:g}\n")
    return cache_view(folder)


def _write(place: Path, text: str) -> None:
    beside = place.with_name(f".{place.name}.tmp")
    beside.write_text(text, "utf-8")
    beside.replace(place)
