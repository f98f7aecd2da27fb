"""Backbones: normalised images (B, 3, H, W) in, feature maps (B, C, h, w) out; C is `feature_dim`.

What may come in: one file a family, plain constructors, FastReID's parameter names. Names: modeling/registry.py.
"""

from reid_core.modeling.backbones.mobilenet_v2 import MobileNetV2
from reid_core.modeling.backbones.resnet import ResNet, ResNetDepth

__all__ = ["MobileNetV2", "ResNet", "ResNetDepth"]
