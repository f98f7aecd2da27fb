"""Backbones: normalised images (B, 3, H, W) in, feature maps (B, C, h, w) out; C is `feature_dim`.

What may come in: one file a family, plain constructors, FastReID's parameter names. Names: modeling/registry/.
"""

from reid_core.modeling.backbones.efficientnet import EfficientNet
from reid_core.modeling.backbones.mobilenet_v2 import MobileNetV2
from reid_core.modeling.backbones.mobilenet_v3 import MobileNetV3, MobileNetV3Size
from reid_core.modeling.backbones.osnet import OSNet, OSNetAin
from reid_core.modeling.backbones.regnet import RegNet
from reid_core.modeling.backbones.repvgg import RepVGG
from reid_core.modeling.backbones.resnest import ResNeSt, ResNeStDepth
from reid_core.modeling.backbones.resnet import ResNet, ResNetDepth
from reid_core.modeling.backbones.resnext import ResNeXt, ResNeXtDepth
from reid_core.modeling.backbones.shufflenet_v2 import ShuffleNetV2
from reid_core.modeling.backbones.vision_transformer import VisionTransformer, VitSize

__all__ = [
    "EfficientNet",
    "MobileNetV2",
    "MobileNetV3",
    "MobileNetV3Size",
    "OSNet",
    "OSNetAin",
    "RegNet",
    "RepVGG",
    "ResNeSt",
    "ResNeStDepth",
    "ResNeXt",
    "ResNeXtDepth",
    "ResNet",
    "ResNetDepth",
    "ShuffleNetV2",
    "VisionTransformer",
    "VitSize",
]
