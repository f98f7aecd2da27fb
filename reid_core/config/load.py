"""From a recipe, a file or FastReID's YAML plus `--set` options to one checked configuration.

Files are read with their positions, each value is checked by the schema where it stands, then yacs merges the layers
(ancestors first, options last), and the rules over several keys look at the result.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from yacs.config import CfgNode

from reid_core.config.convert import from_values, to_values
from reid_core.config.keys import Nested, nest
from reid_core.config.layers import Layer, option_layer, read_layers
from reid_core.config.rules import check
from reid_core.config.schema import Config
from reid_core.config.shipped import find_recipe, recipes
from reid_core.config.source import read_yaml, suggest
from reid_core.config.values import Scalar, Value, Values
from reid_core.errors import ConfigError, Finding, NotFound

__all__ = ["LoadedConfig", "load_config", "parse_value"]


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A checked configuration: typed, flat with every key, and the file it came from."""

    config: Config
    values: Values
    file: str


def load_config(
    source: str | Path,
    overrides: Sequence[tuple[str, object]] | Mapping[str, object] = (),
    *,
    base: Values | None = None,
) -> LoadedConfig:
    """Load a recipe (by name) or a file, and what it inherits; `overrides` win over it, it wins over `base`.

    `base` fills the keys that no file sets, before the schema's defaults do. Raises NotFound when there is no such
    recipe or file, and ConfigError with every fault, each at its place (`--set KEY` for overrides).
    """
    path = _locate(source)
    layers = read_layers(path, str(path))
    options = list(overrides.items()) if isinstance(overrides, Mapping) else list(overrides)
    layers.append(option_layer(options))
    start = to_values(Config() if base is None else from_values(base))
    values = _merge(start, [layer.values for layer in layers])
    config = Config.model_validate(nest(values))
    findings = [finding for layer in layers for finding in layer.findings]
    findings += _rule_findings(config, values, layers, str(path))
    if findings:
        files = list(dict.fromkeys(finding.file for finding in findings))
        raise ConfigError(sorted(findings, key=lambda fault: (files.index(fault.file), fault.line, fault.col)))
    return LoadedConfig(config, to_values(config), str(path))


def parse_value(text: str) -> Value:
    """Read the value of a `--set KEY VALUE`: `3e-4`, `true`, `[128,64]`, `Adam`; empty text is the empty string.

    Raises ConfigError when it is no single value or flat list.
    """
    if not text.strip():
        return ""
    try:
        value = read_yaml(text, "--set").value
    except ConfigError as error:
        reasons = "; ".join(finding.message for finding in error.findings)
        message = f"{text!r} cannot be read: {reasons}"
        raise ConfigError(Finding("syntax", message, "--set", hint="put text between quotes")) from error
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, list | dict) for item in items):
        raise ConfigError(Finding("wrong-type", f"{text!r} is no single value or flat list", "--set"))
    return cast("list[Scalar]", items) if isinstance(value, list) else cast("Scalar", value)


def _locate(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if os.path.isfile(path):  # noqa: PTH113 - pathlib raises where a text is too long to be a path
        return path
    shipped = find_recipe(source) if isinstance(source, str) else None
    if shipped is not None:
        return shipped
    names = [recipe.name for recipe in recipes()]
    near = suggest(path.stem, names)
    hint = f"{near} Recipes: {', '.join(names)}" if near else f"recipes: {', '.join(names)}; or give the path of a file"
    raise NotFound(f"there is no recipe or configuration file {str(source)!r}", hint=hint)


def _rule_findings(config: Config, values: Values, layers: Sequence[Layer], file: str) -> Iterator[Finding]:
    """Tie each fault of the merged configuration to the last place that set one of its keys."""
    broken = frozenset[str]().union(*(layer.broken for layer in layers))
    for fault in check(config, values):
        if not broken.isdisjoint(fault.keys):
            continue
        setters = ((layer, key) for layer in reversed(layers) for key in fault.keys if key in layer.values)
        found = next(setters, None)
        if found is None:
            yield Finding(fault.code, fault.message, file, hint=fault.hint, key=fault.keys[0])
        else:
            yield found[0].finding(fault, found[1])


def _merge(start: Values, layers: Sequence[Values]) -> Values:
    tree = CfgNode(nest(start))
    for layer in layers:
        tree.merge_from_other_cfg(CfgNode(nest({key: _quoted(value) for key, value in layer.items()})))
    return dict(sorted(_leaves(tree, "")))


def _quoted(value: Value) -> Value:
    """Quote texts: yacs evaluates them as Python literals, and a folder named 18 must stay text."""
    return repr(value) if isinstance(value, str) else value


def _leaves(tree: Nested, prefix: str) -> Iterator[tuple[str, Value]]:
    for part, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{part}.")
        else:
            yield f"{prefix}{part}", value
