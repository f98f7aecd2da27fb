"""Heads: feature maps in, embeddings (and, while training, class logits) out.

What may come in: pooling + neck + classifier combinations, and the values they return.
"""

from reid_core.losses.outputs import BranchOutputs, HeadOutputs, Outputs
from reid_core.modeling.heads.attribute_head import AttributeHead
from reid_core.modeling.heads.classifier import Classifier, ClassifierKind
from reid_core.modeling.heads.embedding_head import EmbeddingHead, NeckFeature
from reid_core.modeling.heads.sampled_head import SampledHead, sampled_classes

__all__ = [
    "AttributeHead",
    "BranchOutputs",
    "Classifier",
    "ClassifierKind",
    "EmbeddingHead",
    "HeadOutputs",
    "NeckFeature",
    "Outputs",
    "SampledHead",
    "sampled_classes",
]
