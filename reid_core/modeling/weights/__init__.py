"""Weights from files: FastReID's, Bag of Tricks', torchvision's, timm's, and those of transformers, into one module.

What may come in: reading (without running code), key maps a family, the report, and the guess what a file is.
"""

from reid_core.modeling.weights.describe import Description, describe_file
from reid_core.modeling.weights.loading import load_model, load_model_state, load_pretrained, load_state
from reid_core.modeling.weights.reading import WeightFile, backbone_part, read_weights
from reid_core.modeling.weights.report import LoadReport

__all__ = [
    "Description",
    "LoadReport",
    "WeightFile",
    "backbone_part",
    "describe_file",
    "load_model",
    "load_model_state",
    "load_pretrained",
    "load_state",
    "read_weights",
]
