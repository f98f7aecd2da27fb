"""Models: images in, embeddings (and, while training, class logits) out.

What may come in: backbones, layers, heads, whole architectures and the loading of pretrained weights.
Configuration names become objects in registry/ and nowhere else.
"""

from reid_core.modeling.architectures import Architecture, Baseline
from reid_core.modeling.build import build_model
from reid_core.modeling.heads import HeadOutputs, NeckFeature
from reid_core.modeling.weights import LoadReport, load_pretrained

__all__ = ["Architecture", "Baseline", "HeadOutputs", "LoadReport", "NeckFeature", "build_model", "load_pretrained"]
