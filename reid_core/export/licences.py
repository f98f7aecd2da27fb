"""What the licences of data and starting weights allow a model to be used for: one table, and 'unknown' for the rest.

No legal advice: it says what the makers of a data set or of weights write. A model has the narrowest class of what it
was made from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DATA_SETS", "WEIGHTS", "Licence", "LicenceClass", "Origin", "licence_of"]


class LicenceClass(StrEnum):
    """The narrowest first."""

    RESEARCH_ONLY = "research-only"
    UNKNOWN = "unknown"
    COMMERCIAL_OK = "commercial-ok"


@dataclass(frozen=True, slots=True)
class Origin:
    """Something that a model was made from, the class of its licence, and why that is known."""

    what: str
    licence: LicenceClass
    why: str


@dataclass(frozen=True, slots=True)
class Licence:
    """The class of a model's licence and what it follows from."""

    licence: LicenceClass
    origins: tuple[Origin, ...] = ()


_RESEARCH = "its authors give it to research only, or withdrew it"

DATA_SETS: dict[str, tuple[LicenceClass, str]] = {
    "synthetic": (LicenceClass.COMMERCIAL_OK, "drawn by reid-tune itself; nobody is on it"),
    **dict.fromkeys(
        (
            "Market1501",
            "DukeMTMC",
            "OccludedDuke",
            "MSMT17",
            "CUHK03",
            "CUHK03Detected",
            "VeRi",
            "VehicleID",
            "SmallVehicleID",
            "MediumVehicleID",
            "LargeVehicleID",
            "VeRiWild",
            "SmallVeRiWild",
            "MediumVeRiWild",
            "LargeVeRiWild",
            "PartialREID",
            "PartialiLIDS",
            "OccludedREID",
        ),
        (LicenceClass.RESEARCH_ONLY, _RESEARCH),
    ),
}
"""By the names of DATASETS.NAMES."""

WEIGHTS: dict[str, tuple[LicenceClass, str]] = {
    "FastReID": (LicenceClass.RESEARCH_ONLY, "trained on research data sets, though the code is Apache 2.0"),
    "Bag of Tricks": (LicenceClass.RESEARCH_ONLY, "trained on research data sets, though the code is MIT"),
    "TransReID": (LicenceClass.RESEARCH_ONLY, "trained on research data sets, though the code is MIT"),
    "MAE": (LicenceClass.RESEARCH_ONLY, "its weights are CC BY-NC 4.0"),
    "LUPerson": (LicenceClass.RESEARCH_ONLY, "LUPerson is given to research only"),
    "SOLIDER": (LicenceClass.RESEARCH_ONLY, "trained on LUPerson, which is given to research only"),
}
"""By the tool that a file of weights seems to come from; ImageNet weights are not here: lawyers disagree on them."""


def licence_of(origins: Iterable[Origin]) -> Licence:
    """The narrowest class of `origins`; unknown where there are none."""
    found = tuple(origins)
    ranks = list(LicenceClass)
    narrowest = min((one.licence for one in found), key=ranks.index, default=LicenceClass.UNKNOWN)
    return Licence(narrowest, found)
