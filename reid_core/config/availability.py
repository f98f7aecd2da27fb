"""What can be chosen today, and what FastReID has that this release does not. The one place to extend.

A new loss or sampler moves its name from `planned` to `available`; a new switch loses its line in
NOT_YET; a backbone is a line in backbones.py. Everything else (errors, help, forms, JSON Schema) follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reid_core.config.backbones import FAMILIES, IMPORT_PATH, IMPORT_PATH_FORM
from reid_core.tasks.cards import cards

__all__ = ["CHOICES", "COMPARING_LOSSES", "GROUPING_SAMPLERS", "NOT_YET", "Choices"]


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that work, and those that FastReID knows but this release refuses with a clear error.

    `pattern`: a regular expression of further values that work; `form` shows them to people.
    """

    available: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    pattern: str = ""
    form: str = ""

    @property
    def listed(self) -> str:
        """What can be chosen, for people."""
        return ", ".join((*self.available, *filter(None, [self.form])))

    def allow(self, name: str) -> bool:
        """Whether `name` works."""
        return name in self.available or (bool(self.pattern) and re.fullmatch(self.pattern, name) is not None)


CHOICES: dict[str, Choices] = {
    "TASK.NAME": Choices(tuple(cards())),
    "TASK.ADAPTATION.METRIC": Choices(("jaccard", "cosine")),
    "TASK.ADAPTATION.CAMERAS": Choices(("none", "center", "proxies")),
    "MODEL.META_ARCHITECTURE": Choices(("Baseline", "MGN", "MoCo", "MoCoV2", "PCB")),
    "MODEL.BACKBONE.NAME": Choices(tuple(FAMILIES), pattern=IMPORT_PATH, form=IMPORT_PATH_FORM),
    "MODEL.BACKBONE.IBN_KIND": Choices(("a", "b")),
    "MODEL.BACKBONE.NORM": Choices(("BN", "syncBN", "GN"), ("FrozenBN", "GhostBN")),
    "MODEL.HEADS.NAME": Choices(("EmbeddingHead", "ClasHead", "AttrHead")),
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
            "SoftmaxAttention",
            "Flatten",
            "Identity",
        ),
    ),
    "MODEL.HEADS.CLS_LAYER": Choices(("Linear", "ArcSoftmax", "CircleSoftmax", "CosSoftmax")),
    "MODEL.LOSSES.NAME": Choices(
        (
            "CrossEntropyLoss",
            "TripletLoss",
            "CenterLoss",
            "CircleLoss",
            "Cosface",
            "FocalLoss",
            "BinaryCrossEntropyLoss",
        )
    ),
    "MODEL.LOSSES.CE.SPREAD": Choices(("other_classes", "all_classes")),
    "INPUT.INTERPOLATION": Choices(("bilinear", "bicubic")),
    "INPUT.PADDING.MODE": Choices(("constant", "edge", "reflect"), ("symmetric",)),
    "DATASETS.LAYOUT": Choices(
        (
            "auto",
            "market1501",
            "manifest",
            "folders",
            "synthetic",
            "veri776",
            "msmt17",
            "cuhk03",
            "cuhk03_detected",
            "vehicleid",
            "vehicleid_small",
            "vehicleid_medium",
            "vehicleid_large",
            "veriwild",
            "veriwild_small",
            "veriwild_medium",
            "veriwild_large",
            "partial_reid",
            "occluded_reid",
            "partial_ilids",
            "query_gallery",
        )
    ),
    "DATASETS.CORRUPT": Choices(("error", "skip")),
    "DATALOADER.SAMPLER_TRAIN": Choices(
        (
            "TrainingSampler",
            "NaiveIdentitySampler",
            "BalancedIdentitySampler",
            "IdAvgProbSampler",
            "ImbalancedDatasetSampler",
            "SetReWeightSampler",
        )
    ),
    "SOLVER.OPT": Choices(("Adam", "AdamW", "SGD", "Adagrad", "Adamax", "NAdam", "RAdam", "RMSprop")),
    "SOLVER.LR_SCALE_RULE": Choices(("none", "linear", "sqrt")),
    "SOLVER.SCHED": Choices(("MultiStepLR", "CosineAnnealingLR", "OneCycleLR")),
    "SOLVER.SCHED_UNIT": Choices(("iteration", "epoch")),
    "SOLVER.STEPS_COUNT": Choices(("from_start", "after_warmup")),
    "SOLVER.WARMUP_METHOD": Choices(("linear", "constant", "exp", "burnin")),
    "SOLVER.WARMUP_UNIT": Choices(("iteration", "epoch")),
    "SOLVER.AMP.DTYPE": Choices(("bf16", "fp16")),
    "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": Choices(("norm", "value")),
    "TASK.PRETRAINING.IDENTITIES": Choices(("auto", "ignore")),
    "TEST.METRIC": Choices(("cosine", "euclidean", "dsr")),
    "KD.LOGITS.NAME": Choices(("js", "kl")),
    "KD.CACHE": Choices(("auto", "off")),
}
"""Keys that take one of a list of names."""

COMPARING_LOSSES = frozenset({"CircleLoss", "Cosface", "TripletLoss"})
"""Those of MODEL.LOSSES.NAME that need two images of an identity, and two identities, in every batch."""

GROUPING_SAMPLERS = frozenset(
    {"NaiveIdentitySampler", "BalancedIdentitySampler", "IdAvgProbSampler", "SetReWeightSampler"}
)
"""Those of DATALOADER.SAMPLER_TRAIN that deal DATALOADER.NUM_INSTANCE images of an identity together."""

NOT_YET: dict[str, str] = {}
"""Switches, lists and texts that must stay off or empty, and what they would turn on."""
