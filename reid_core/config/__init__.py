"""One configuration: FastReID's keys in files, one typed frozen tree in code.

What may come in: the schema, reading and merging files, the shipped recipes. Imports no torch.
"""

from reid_core.config.convert import from_values, to_values
from reid_core.config.in_training import may_change_in_training
from reid_core.config.keys import KeyInfo, describe, json_schema, keys
from reid_core.config.load import LoadedConfig, load_config, parse_value
from reid_core.config.schedule import scale_to
from reid_core.config.schema import DIFFERENCES, Config
from reid_core.config.shipped import Recipe, recipes
from reid_core.config.source import Position, Source, read_yaml, suggest
from reid_core.config.values import Scalar, Value, Values

__all__ = [
    "DIFFERENCES",
    "Config",
    "KeyInfo",
    "LoadedConfig",
    "Position",
    "Recipe",
    "Scalar",
    "Source",
    "Value",
    "Values",
    "describe",
    "from_values",
    "json_schema",
    "keys",
    "load_config",
    "may_change_in_training",
    "parse_value",
    "read_yaml",
    "recipes",
    "scale_to",
    "suggest",
    "to_values",
]
