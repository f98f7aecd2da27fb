"""Heads: feature maps in, embeddings (and, while training, class logits) out.

What may come in: pooling + neck + classifier combinations, and the values they return.
"""

from reid_core.losses.outputs import BranchOutputs, HeadOutputs, Outputs
from reid_core.modeling.heads.classifier import Classifier, ClassifierKind
from reid_core.modeling.heads.embedding_head import EmbeddingHead, NeckFeature

__all__ = [
    "BranchOutputs",
    "Classifier",
    "ClassifierKind",
    "EmbeddingHead",
    "HeadOutputs",
    "NeckFeature",
    "Outputs",
]
