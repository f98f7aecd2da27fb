"""The built-in data with what its persons wear, carry and look like."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from reid_core.data.synthetic.images import SyntheticParameters, synthetic_dataset
from reid_core.data.synthetic.person import Carried, Pattern, Person
from reid_core.tasks.attributes.table import AttributeTable, check_attributes

__all__ = ["synthetic_attributes"]

_ATTRIBUTES: Mapping[str, Callable[[Person], bool]] = MappingProxyType(
    {
        "backpack": lambda person: person.carried is Carried.BACKPACK,
        "bag": lambda person: person.carried is Carried.BAG,
        "hat": lambda person: person.carried is Carried.HAT,
        "scarf": lambda person: person.carried is Carried.SCARF,
        "long_sleeves": lambda person: person.long_sleeves,
        "short_trousers": lambda person: person.short_trousers,
        "long_hair": lambda person: person.long_hair,
        "patterned": lambda person: person.pattern is not Pattern.PLAIN,
        "bright_upper": lambda person: float(person.upper.mean()) > 0.45,
        "bright_lower": lambda person: float(person.lower.mean()) > 0.45,
        "red_upper": lambda person: float(person.upper[0]) > float(person.upper[1:].max()),
    }
)


def synthetic_attributes(parameters: SyntheticParameters) -> AttributeTable:
    """The built-in data: training persons to learn from, others to test on. Raises DataError where too few differ."""
    built = synthetic_dataset(parameters)
    persons = {
        pid: Person.drawn(parameters.seed, int(pid) - 1, parameters.difficulty)
        for pid in {record.pid for record in (*built.train, *built.gallery)}
    }
    said = {pid: tuple(float(has(person)) for has in _ATTRIBUTES.values()) for pid, person in persons.items()}
    targets = {record.path: said[record.pid] for record in (*built.train, *built.gallery)}
    names = tuple(_ATTRIBUTES)
    warnings = check_attributes(names, built.train, built.gallery, targets, "the built-in data")
    fingerprint = hashlib.sha256(f"attributes\0{built.fingerprint}".encode()).hexdigest()
    dataset = replace(built, query=(), fingerprint=fingerprint, warnings=tuple(warnings))
    return AttributeTable(dataset, names, targets)
