"""The typed tree of every configuration key: types, defaults, ranges, help. The only place that knows them.

What may come in: one file a section, named like FastReID's keys in lower case. No files, no merging, no rules over
several keys (those are in reid_core.config.rules).
"""

from reid_core.config.schema.root import DIFFERENCES, Config

__all__ = ["DIFFERENCES", "Config"]
