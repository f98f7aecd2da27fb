"""Where the data sets lie that DATASETS.NAMES and DATASETS.TESTS name, in FastReID's folders below DATASETS.ROOT."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reid_core.data.checks import Use
from reid_core.data.layouts.recognise import own_layout
from reid_core.data.records import Layout
from reid_core.data.synthetic.domain import domain_number
from reid_core.errors import DataError, Finding

__all__ = ["KNOWN", "Known", "Place", "domain_places", "find_places", "names_domains", "names_several"]


@dataclass(frozen=True, slots=True)
class Known:
    """A data set that FastReID has: its folders (the first that is there counts) and layout, None to recognise it."""

    folders: tuple[str, ...]
    layout: Layout | None = None


KNOWN: dict[str, Known] = {
    "Market1501": Known(("Market-1501-v15.09.15",), Layout.MARKET1501),
    "DukeMTMC": Known(("DukeMTMC-reID",), Layout.MARKET1501),
    "OccludedDuke": Known(("Occluded_Duke",), Layout.MARKET1501),
    "MSMT17": Known(("MSMT17_V1", "MSMT17_V2"), Layout.MSMT17),
    "CUHK03": Known(("cuhk03",), Layout.CUHK03),
    "CUHK03Detected": Known(("cuhk03",), Layout.CUHK03_DETECTED),
    "VeRi": Known(("veri",), Layout.VERI776),
    "VehicleID": Known(("vehicleid",), Layout.VEHICLEID),
    "SmallVehicleID": Known(("vehicleid",), Layout.VEHICLEID_SMALL),
    "MediumVehicleID": Known(("vehicleid",), Layout.VEHICLEID_MEDIUM),
    "LargeVehicleID": Known(("vehicleid",), Layout.VEHICLEID_LARGE),
    "VeRiWild": Known(("VERI-Wild",), Layout.VERIWILD),
    "SmallVeRiWild": Known(("VERI-Wild",), Layout.VERIWILD_SMALL),
    "MediumVeRiWild": Known(("VERI-Wild",), Layout.VERIWILD_MEDIUM),
    "LargeVeRiWild": Known(("VERI-Wild",), Layout.VERIWILD_LARGE),
    "PartialREID": Known(("Partial_REID",), Layout.PARTIAL_REID),
    "PartialiLIDS": Known(("PartialiLIDS",)),
    "OccludedREID": Known(("OccludedREID",)),
}
"""FastReID's names, OccludedDuke and CUHK03Detected."""

_DEFAULT = "Market1501"  # FastReID's, of both keys: says nothing


@dataclass(frozen=True, slots=True)
class Place:
    """A data set's name (none where it is the only one), folder, layout (None to recognise it) and use.

    `rank` is its place among those tested on.
    """

    name: str
    root: Path
    layout: Layout | None
    use: Use
    note: str = ""
    rank: int = 0


def names_several(names: Sequence[str], tests: Sequence[str]) -> bool:
    """Whether these names mean more than one data set, or say where one lies: `DATASETS.ROOT` alone is not enough."""
    both = (*names, *tests)
    return any("=" in text for text in both) or len({_known(_name(text)).folders for text in both}) > 1


def names_domains(names: Sequence[str], tests: Sequence[str]) -> bool:
    """Whether one of these names is a domain of the built-in data, as synthetic-a."""
    return any(domain_number(text) for text in (*names, *tests))


def domain_places(names: Sequence[str], tests: Sequence[str]) -> tuple[Place, ...]:
    """The domains of the built-in data that `names` train and `tests` test; they lie nowhere. Raises DataError."""
    other = next((text for text in (*names, *tests) if not domain_number(text)), None)
    if other is not None:
        raise _misnamed(f"'{other}' is no domain of the built-in data", "name synthetic-a to synthetic-z only")
    return _used(names, tests, {name: Path(name) for name in (*names, *tests)}, Layout.SYNTHETIC)


def find_places(root: Path, layout: Layout | None, names: Sequence[str], tests: Sequence[str]) -> tuple[Place, ...]:
    """Where what `names` train and `tests` test lies.

    `root` itself is the data set when `names` and `tests` mean one only (sizes of one count as one) and its layout is
    given or recognised; else each name is a folder below `root`, or `NAME=folder` anywhere. A single data set that is
    not found by its name is left for the reader to recognise. Raises DataError.
    """
    given = _given(root, (*names, *tests))
    bare = [_name(text) for text in (*names, *tests)]
    if not names_several(names, tests):
        own = layout or (own_layout(root) if root.is_dir() else None)
        home = root if own else _folder(root, bare[0])
        if home is None or (own and (layout or _family(own) != _family(_known(bare[0]).layout))):
            return (Place("", root, own, Use.BOTH, "" if layout else _unread(root, own, bare[0])),)
        given = dict.fromkeys(bare, home)
    given = {name: folder for name in bare if (folder := given.get(name) or _below(root, name))}
    missing = [name for name in dict.fromkeys(bare) if name not in given]
    if missing:
        raise DataError([_not_found(root, name) for name in missing])
    return _used(names, tests, given, layout)


def _used(
    names: Sequence[str], tests: Sequence[str], given: Mapping[str, Path], layout: Layout | None
) -> tuple[Place, ...]:
    """Each data set once, with what it is for; its folder is in `given`."""
    found: dict[str, Place] = {}
    uses = [(text, Use.TRAIN, 0) for text in names] + [(text, Use.TEST, rank) for rank, text in enumerate(tests)]
    for text, use, rank in uses:
        name = _name(text)
        place = Place(name, given[name], _known(name).layout or layout, use, rank=rank)
        earlier = found.get(name)
        if earlier is not None and (earlier.use is not Use.TRAIN or use is Use.TRAIN):
            raise _misnamed(f"the data set {name} is named twice", "name it once to train and once to test")
        found[name] = place if earlier is None else replace(place, use=Use.BOTH)
    if len(found) == 1:
        (place,) = found.values()
        return (Place("", place.root, place.layout, place.use),)
    return tuple(found.values())


def _family(layout: Layout | None) -> str | None:
    """A layout without the size of its test lists: those of one family share a folder."""
    return layout.split("_", 1)[0] if layout and layout.startswith(("vehicleid", "veriwild", "cuhk03")) else layout


def _unread(root: Path, own: Layout | None, name: str) -> str:
    """A warning where a name is FastReID's for another data set than `root` is."""
    if own is None or name == _DEFAULT or name not in KNOWN:
        return ""
    return f"{name} (DATASETS.NAMES, DATASETS.TESTS) is not looked for: {root} is itself a data set, {own}"


def _known(name: str) -> Known:
    return KNOWN.get(name, Known((name,)))


def _name(text: str) -> str:
    name = text.split("=", 1)[0]
    if not name or "/" in name or name != name.strip():
        raise _misnamed(
            f"'{text}' does not name a data set",
            "write one of FastReID's names, a folder below DATASETS.ROOT, or NAME=FOLDER",
        )
    return name


def _misnamed(message: str, hint: str) -> DataError:
    place = "DATASETS.NAMES and DATASETS.TESTS"
    return DataError(Finding("data-set-name", message, file=place, hint=hint, key="DATASETS.NAMES"))


def _given(root: Path, texts: Sequence[str]) -> dict[str, Path]:
    """The folders of `NAME=FOLDER`; a relative one is below `root`."""
    given: dict[str, Path] = {}
    for text in texts:
        if "=" not in text:
            continue
        name, path = _name(text), root / Path(text.split("=", 1)[1]).expanduser()
        if given.setdefault(name, path) != path:
            raise _misnamed(f"{name} is said to lie in {given[name]} and in {path}", "give the two different names")
    return given


def _folder(root: Path, name: str) -> Path | None:
    """The folder of `name` below `root`: FastReID's, or one of its own name."""
    folders = (root / folder for folder in (*_known(name).folders, name))
    return next((one for one in folders if os.path.isdir(one)), None)  # noqa: PTH112 - is_dir() raises for long names


def _below(root: Path, name: str) -> Path | None:
    """The folder of `name`, which may be `root` itself for Market-1501 (FastReID's older habit)."""
    folder = _folder(root, name)
    if folder is None and name == _DEFAULT and root.is_dir() and own_layout(root) is Layout.MARKET1501:
        return root
    return folder


def _not_found(root: Path, name: str) -> Finding:
    looked = " or ".join(dict.fromkeys((*_known(name).folders, name)))
    return Finding(
        "missing-folder",
        f"there is no folder of the data set {name} (DATASETS.NAMES, DATASETS.TESTS): {looked}",
        file=str(root),
        hint=f"name the folder of all data sets with --data (DATASETS.ROOT), or write {name}=FOLDER",
        key="DATASETS.NAMES",
    )
