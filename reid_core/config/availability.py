"""What can be chosen today, and what FastReID has that this release does not. The one place to extend.

A new loss or sampler moves its name from `planned` to `available`; a new switch loses its line in
NOT_YET; a backbone is a line in backbones.py. Everything else (errors, help, forms, JSON Schema) follows.
"""

from __future__ import annotations

from dataclasses import dataclass

from reid_core.config.backbones import FAMILIES

__all__ = ["CHOICES", "GROUPING_SAMPLERS", "NOT_YET", "Choices"]


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that work, and those that FastReID knows but this release refuses with a clear error."""

    available: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()


CHOICES: dict[str, Choices] = {
    "MODEL.META_ARCHITECTURE": Choices(("Baseline",), ("MGN", "MoCo", "Distiller", "PCB")),
    "MODEL.BACKBONE.NAME": Choices(
        tuple(FAMILIES),
        (
            "build_effnet_backbone",
            "build_mobilenetv3_backbone",
            "build_osnet_backbone",
            "build_regnet_backbone",
            "build_repvgg_backbone",
            "build_resnest_backbone",
            "build_resnext_backbone",
            "build_shufflenetv2_backbone",
            "build_vit_backbone",
        ),
    ),
    "MODEL.BACKBONE.NORM": Choices(("BN", "syncBN", "GN"), ("FrozenBN", "GhostBN")),
    "MODEL.HEADS.NAME": Choices(("EmbeddingHead",), ("ClasHead", "AttrHead")),
    "MODEL.HEADS.NORM": Choices(("BN", "syncBN", "GN"), ("FrozenBN", "GhostBN")),
    "MODEL.HEADS.NECK_FEAT": Choices(("before", "after")),
    "MODEL.HEADS.POOL_LAYER": Choices(
        (
            "GlobalAvgPool",
            "GlobalMaxPool",
            "GeneralizedMeanPooling",
            "GeneralizedMeanPoolingP",
            "AdaptiveAvgMaxPool",
            "ClipGlobalAvgPool",
            "FastGlobalAvgPool",
        ),
        ("Flatten", "Identity", "SoftmaxAttention"),  # the first two belong to vision transformers
    ),
    "MODEL.HEADS.CLS_LAYER": Choices(("Linear", "ArcSoftmax", "CircleSoftmax", "CosSoftmax")),
    "MODEL.LOSSES.NAME": Choices(
        ("CrossEntropyLoss", "TripletLoss", "CenterLoss"), ("CircleLoss", "Cosface", "FocalLoss")
    ),
    "INPUT.PADDING.MODE": Choices(("constant", "edge", "reflect"), ("symmetric",)),
    "DATASETS.LAYOUT": Choices(("auto", "market1501", "manifest", "folders", "synthetic")),
    "DATASETS.CORRUPT": Choices(("error", "skip")),
    "DATALOADER.SAMPLER_TRAIN": Choices(
        ("TrainingSampler", "NaiveIdentitySampler", "BalancedIdentitySampler"),
        ("IdAvgProbSampler", "ImbalancedSampler", "SetReWeightSampler"),
    ),
    "SOLVER.OPT": Choices(("Adam", "AdamW", "SGD"), ("Adagrad", "Adamax", "NAdam", "RAdam", "RMSprop")),
    "SOLVER.SCHED": Choices(("MultiStepLR", "CosineAnnealingLR"), ("OneCycleLR",)),
    "SOLVER.WARMUP_METHOD": Choices(("linear", "constant"), ("exp", "burnin")),
    "SOLVER.AMP.DTYPE": Choices(("bf16", "fp16")),
    "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": Choices(("norm", "value")),
    "TEST.METRIC": Choices(("cosine", "euclidean"), ("dsr",)),
}
"""Keys that take one of a list of names."""

GROUPING_SAMPLERS = frozenset({"NaiveIdentitySampler", "BalancedIdentitySampler"})
"""Those of DATALOADER.SAMPLER_TRAIN that deal DATALOADER.NUM_INSTANCE images of an identity together."""

NOT_YET: dict[str, str] = {
    "DATASETS.COMBINEALL": "training on query and gallery identities",
    "INPUT.AFFINE.ENABLED": "affine augmentation",
    "INPUT.AUGMIX.ENABLED": "AugMix",
    "INPUT.AUTOAUG.ENABLED": "AutoAugment",
    "INPUT.CJ.ENABLED": "colour jitter",
    "INPUT.CROP.ENABLED": "random resized crop",
    "INPUT.RPT.ENABLED": "random patch",
    "KD.EMA.ENABLED": "distillation",
    "KD.MODEL_CONFIG": "distillation",
    "KD.MODEL_WEIGHTS": "distillation",
    "DATALOADER.SET_WEIGHT": "weighted data sets",
    "MODEL.WEIGHTS": "training from a whole model's checkpoint",
    "TEST.AQE.ENABLED": "query expansion",
    "TEST.PRECISE_BN.ENABLED": "precise batch norm",
    "TEST.RERANK.ENABLED": "re-ranking",
    "TEST.ROC.ENABLED": "ROC",
}
"""Switches, lists and texts that must stay off or empty, and what they would turn on."""
