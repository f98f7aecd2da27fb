"""The border where names of a configuration become modules; nothing else in modeling knows these names.

What may come in: one file a kind of name (architectures, backbones, heads), each a table of builders and the function
that reads it.
"""

from reid_core.modeling.registry.architectures import ARCHITECTURES, build_architecture
from reid_core.modeling.registry.backbones import BACKBONES, SIZED_BACKBONES, FeatureExtractor, build_backbone
from reid_core.modeling.registry.heads import HEADS, build_head
from reid_core.modeling.registry.names import choose, unknown_name

__all__ = [
    "ARCHITECTURES",
    "BACKBONES",
    "HEADS",
    "SIZED_BACKBONES",
    "FeatureExtractor",
    "build_architecture",
    "build_backbone",
    "build_head",
    "choose",
    "unknown_name",
]
