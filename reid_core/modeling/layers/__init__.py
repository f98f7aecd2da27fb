"""Layers that several backbones or heads share: normalisation, IBN, squeeze-excitation, non-local, pooling.

What may come in: small modules with plain typed arguments and FastReID's parameter names.
"""

from reid_core.modeling.layers.ibn import IbnKind, InstanceBatchNorm
from reid_core.modeling.layers.non_local import NonLocal
from reid_core.modeling.layers.norm import Norm, make_norm
from reid_core.modeling.layers.pooling import (
    GeneralizedMean,
    GeneralizedMeanLearned,
    Pool,
    SoftmaxAttention,
    make_pool,
)
from reid_core.modeling.layers.squeeze_excite import BiasedSqueezeExcite, SqueezeExcite

__all__ = [
    "BiasedSqueezeExcite",
    "GeneralizedMean",
    "GeneralizedMeanLearned",
    "IbnKind",
    "InstanceBatchNorm",
    "NonLocal",
    "Norm",
    "Pool",
    "SoftmaxAttention",
    "SqueezeExcite",
    "make_norm",
    "make_pool",
]
