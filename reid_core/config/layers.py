"""What one file or one set of options says about the configuration, and where it says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reid_core.config.convert import typed, unknown_key
from reid_core.config.keys import key_table, sections
from reid_core.config.rules import Fault
from reid_core.config.shipped import find_recipe
from reid_core.config.source import Path as KeyPath
from reid_core.config.source import Plain, Source, read_yaml, suggest
from reid_core.config.values import Values
from reid_core.errors import ConfigError, Finding

__all__ = ["BASE", "Layer", "option_layer", "read_layers"]

BASE = "_BASE_"
"""FastReID's key that names the file a file starts from."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Some keys and their values, checked one by one; `findings` are the faults among the others."""

    values: Values
    findings: tuple[Finding, ...]
    broken: frozenset[str]
    _source: Source | None = field(default=None, repr=False)
    _paths: Mapping[str, KeyPath] = field(default_factory=dict, repr=False)

    def finding(self, fault: Fault, key: str) -> Finding:
        """Tie a fault to the place where this layer sets `key`."""
        return _in_option(fault, key) if self._source is None else _in_file(fault, self._source, self._paths[key])


def option_layer(overrides: Sequence[tuple[str, object]]) -> Layer:
    """Read KEY, VALUE pairs as `--set` gives them; the last of a key counts."""
    given = dict(overrides)
    known = {key: value for key, value in given.items() if key in key_table()}
    values, wrong = typed(known)
    faults = [*(unknown_key(key) for key in given if key not in known), *wrong]
    findings = tuple(_in_option(fault, fault.keys[0]) for fault in faults)
    return Layer(values, findings, frozenset(fault.keys[0] for fault in faults))


def read_layers(path: Path, shown: str) -> list[Layer]:
    """Read a file and what it inherits through `_BASE_`, the farthest ancestor first.

    `shown` is how errors call the file. Raises ConfigError when a file cannot be read as YAML, an ancestor does not
    exist, or a file is its own ancestor; faults in keys and values are left in the layers.
    """
    layers: list[Layer] = []
    chain: list[Path] = []
    current: Path | None = path
    while current is not None:
        chain.append(current.resolve())
        source = read_yaml(_read(current, shown), shown)
        layers.append(_file_layer(source))
        current = _ancestor(source, current, chain)
        shown = str(current)
    return layers[::-1]


def _read(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(Finding("unreadable", "not a text file in UTF-8", shown)) from error
    except OSError as error:
        raise ConfigError(Finding("unreadable", f"cannot be read: {error.strerror}", shown)) from error


def _ancestor(source: Source, path: Path, chain: Sequence[Path]) -> Path | None:
    if not isinstance(source.value, dict) or BASE not in source.value:
        return None
    name = source.value[BASE]
    if not isinstance(name, str) or not name:
        raise ConfigError(source.finding("wrong-type", f"{BASE} takes the name of a file", (BASE,), key=BASE))
    beside = path.parent / Path(name).expanduser()
    found = beside if beside.is_file() else find_recipe(name)
    if found is None:
        hint = "a path counts from the folder of this file"
        raise ConfigError(source.finding("missing-base", f"{BASE}: there is no {beside}", (BASE,), hint=hint, key=BASE))
    if found.resolve() in chain:
        names = " -> ".join(link.name for link in (*chain, found))
        raise ConfigError(source.finding("base-cycle", f"{BASE}: a file inherits itself: {names}", (BASE,), key=BASE))
    return found


def _file_layer(source: Source) -> Layer:
    raw: dict[str, object] = {}
    paths: dict[str, KeyPath] = {}
    misplaced: list[tuple[Fault, KeyPath]] = []
    if isinstance(source.value, dict):
        for fault, key, path, value in _walk(source.value, (), ""):
            if fault is None and key not in raw:
                raw[key], paths[key] = value, path
            else:
                twice = Fault((key,), "duplicate-key", f"{key} is given twice, once with dots and once in sections")
                misplaced.append((fault or twice, path))
    elif source.value is not None:
        message = "a configuration is a mapping of sections, as 'SOLVER: {BASE_LR: 0.001}'"
        misplaced.append((Fault(("",), "wrong-type", message), ()))
    values, wrong = typed(raw)
    paths |= {key: paths["MODEL.META_ARCHITECTURE"] for key in values if key not in paths}  # what a distiller adds
    located = [*misplaced, *((fault, paths[fault.keys[0]]) for fault in wrong)]
    findings = tuple(_in_file(fault, source, path) for fault, path in located)
    return Layer(values, findings, frozenset(fault.keys[0] for fault, _ in located), source, paths)


def _walk(tree: dict[str, Plain], path: KeyPath, prefix: str) -> Iterator[tuple[Fault | None, str, KeyPath, object]]:
    """Every leaf of a file: a fault or None, its flat key, its path in the file, its value."""
    for part, value in tree.items():
        key, place = prefix + part, (*path, part)
        if key == BASE:
            continue
        if key in key_table():
            yield None, key, place, value
        elif key not in sections():
            hint = suggest(key, sections()) if isinstance(value, dict) else ""
            fault = unknown_key(key)
            yield Fault(fault.keys, fault.code, fault.message, hint or fault.hint), key, place, value
        elif isinstance(value, dict):
            yield from _walk(value, place, f"{key}.")
        elif value is not None:
            yield Fault((key,), "wrong-type", f"{key} is a section and takes no value itself"), key, place, value


def _in_file(fault: Fault, source: Source, path: KeyPath) -> Finding:
    if fault.code in {"unknown-key", "duplicate-key"}:
        place = source.position(path)
    else:
        place = source.value_position(path if fault.item is None else (*path, fault.item))
    return Finding(fault.code, fault.message, place.file, place.line, place.col, hint=fault.hint, key=fault.keys[0])


def _in_option(fault: Fault, key: str) -> Finding:
    return Finding(fault.code, fault.message, f"--set {key}", hint=fault.hint, key=fault.keys[0])
