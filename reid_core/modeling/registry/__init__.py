"""The border where names of a configuration become modules; nothing else in modeling knows these names.

What may come in: one file a kind of name (backbones, heads), each a table of builders and the function that reads it.
"""

from reid_core.modeling.registry.backbones import BACKBONES, FeatureExtractor, build_backbone
from reid_core.modeling.registry.heads import HEADS, build_head
from reid_core.modeling.registry.names import choose, unknown_name

__all__ = ["BACKBONES", "HEADS", "FeatureExtractor", "build_backbone", "build_head", "choose", "unknown_name"]
