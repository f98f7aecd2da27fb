"""What from_values refuses: one clear fault each, with its code and key."""

from __future__ import annotations

import pytest

from reid_core.config import from_values, load_config
from reid_core.errors import ConfigError

IDENTITY = {"DATALOADER.SAMPLER_TRAIN": "BalancedIdentitySampler"}
VIT_CAMERAS = {"MODEL.BACKBONE.NAME": "build_vit_backbone", "MODEL.BACKBONE.SIE_CAMERAS": 6}
TRIPLET = {"MODEL.LOSSES.NAME": ["CrossEntropyLoss", "TripletLoss"], **IDENTITY}
MOBILE = {"MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone"}


def findings_of(values):
    with pytest.raises(ConfigError) as caught:
        from_values(values)
    return caught.value.findings


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"SOLVER.BASELR": 1.0}, "unknown-key", "did you mean SOLVER.BASE_LR?"),
        ({"SOLVER.NESTEROV": "no"}, "wrong-type", "takes true or false, not the text 'no'"),
        ({"SOLVER.NESTEROV": 1}, "wrong-type", "takes true or false, not 1"),
        ({"SOLVER.MAX_EPOCH": True}, "wrong-type", "takes a whole number, not true"),
        ({"SOLVER.MAX_EPOCH": 3.0}, "wrong-type", "write 3"),
        ({"SOLVER.BASE_LR": "3e-4"}, "wrong-type", "takes a number, not the text '3e-4'"),
        ({"SOLVER.BASE_LR": None}, "wrong-type", "not nothing"),
        ({"SOLVER.BASE_LR": [0.1]}, "wrong-type", "takes a number"),
        ({"SOLVER.STEPS": 30}, "wrong-type", "write [30]"),
        ({"SOLVER.STEPS": [30, 2.5]}, "wrong-type", "SOLVER.STEPS[1]"),
        ({"OUTPUT_DIR": 18}, "wrong-type", "between quotes"),
        ({"INPUT.SIZE_TRAIN": [256, 128, 3]}, "wrong-type", "takes 2 values, not 3"),
        ({"INPUT.SIZE_TRAIN": [256]}, "wrong-type", "takes 2 values, not 1"),
        ({"MODEL.LOSSES.NAME": []}, "wrong-type", "takes 1 or more values, not 0"),
        ({"SOLVER.BASE_LR": 0.0}, "out-of-range", "must be above 0"),
        ({"SOLVER.BASE_LR": float("nan")}, "out-of-range", "nan"),
        ({"INPUT.REA.PROB": 1.5}, "out-of-range", "at least 0 and at most 1"),
        ({"INPUT.SIZE_TRAIN": [256, 8]}, "out-of-range", "INPUT.SIZE_TRAIN[1] is 8"),
        ({"MODEL.LOSSES.CE.EPSILON": -0.5}, "out-of-range", "at least 0"),
        ({"MODEL.DEVICE": "gpu"}, "unknown-value", "cuda:N"),
        ({"DATASETS.ROOT": ""}, "unknown-value", "folder"),
        ({"SOLVER.OPT": "adam"}, "unknown-value", "did you mean Adam?"),
        ({"SOLVER.LR_SCALE_RULE": "cube", "SOLVER.SCHED": "CosineAnnealingLR"}, "unknown-value", "none, linear, sqrt"),
        ({"MODEL.LOSSES.NAME": ["TripletLos"]}, "unknown-value", "did you mean TripletLoss?"),
        ({"MODEL.BACKBONE.DEPTH": "51x"}, "unknown-value", "build_resnet_backbone"),
        ({"MODEL.BACKBONE.NORM": "GhostBN"}, "unsupported", "available: BN, syncBN, GN"),
        ({"MODEL.LOSSES.CE.EPSILON": -1, "MODEL.LOSSES.CE.SPREAD": "all_classes"}, "impossible", "other classes"),
        ({**IDENTITY, "MODEL.LOSSES.NAME": ["CircleLoss"], "DATALOADER.NUM_INSTANCE": 1}, "impossible", "CircleLoss"),
        ({"MODEL.META_ARCHITECTURE": "MoCo", "MODEL.QUEUE_SIZE": 32}, "impossible", "does not hold one batch"),
        ({**MOBILE, "MODEL.META_ARCHITECTURE": "MGN"}, "impossible", "PCB takes other backbones"),
        ({"MODEL.META_ARCHITECTURE": "MGN", "MODEL.BACKBONE.WITH_NL": True}, "impossible", "non-local"),
        ({"MODEL.META_ARCHITECTURE": "MGN", "INPUT.SIZE_TEST": [32, 64]}, "impossible", "too low for 3 stripes"),
        ({"MODEL.META_ARCHITECTURE": "PCB", "INPUT.SIZE_TRAIN": [80, 64]}, "impossible", "a height of 96 would do"),
        ({"MODEL.META_ARCHITECTURE": "PCB", "MODEL.HEADS.POOL_LAYER": "Flatten"}, "impossible", "pools each stripe"),
        ({"MODEL.BACKBONE.SIE_CAMERAS": 6}, "impossible", "build_resnet_backbone has no camera embedding"),
        ({**VIT_CAMERAS, "DATASETS.NO_CAMERAS": True}, "impossible", "there are no camera ids"),
        ({**VIT_CAMERAS, "MODEL.META_ARCHITECTURE": "PCB"}, "impossible", "build_vit_backbone gives one cell"),
        ({"DATASETS.ROOT": "photos", "DATASETS.LAYOUT": "synthetic"}, "impossible", "does not go with"),
        ({"DATASETS.LAYOUT": "market1501"}, "impossible", "./synthetic"),
        ({**IDENTITY, "SOLVER.IMS_PER_BATCH": 30}, "impossible", "28 would do"),
        ({**TRIPLET, "DATALOADER.NUM_INSTANCE": 1}, "impossible", "use 2 or more"),
        ({**TRIPLET, "SOLVER.IMS_PER_BATCH": 4}, "impossible", "two identities"),
        ({"SOLVER.STEPS": [50, 40]}, "impossible", "must increase"),
        ({"SOLVER.STEPS": [40, 40]}, "impossible", "must increase"),
        ({"SOLVER.WARMUP_EPOCHS": 121}, "impossible", "(121) does not fit in SOLVER.MAX_EPOCH (120)"),
        ({"SOLVER.SCHED": "CosineAnnealingLR", "SOLVER.DELAY_EPOCHS": 120}, "impossible", "leaves none of SOLVER"),
        ({"SOLVER.SCHED": "CosineAnnealingLR", "SOLVER.ETA_MIN_LR": 0.1}, "impossible", "above SOLVER.BASE_LR"),
        ({"SOLVER.OPT": "SGD", "SOLVER.NESTEROV": True, "SOLVER.MOMENTUM": 0.0}, "impossible", "MOMENTUM"),
        ({"MODEL.LOSSES.NAME": ["TripletLoss", "TripletLoss"]}, "impossible", "twice"),
        ({**MOBILE, "INPUT.SIZE_TEST": [64, 16]}, "impossible", "no side may be smaller"),
        ({"TEST.METRIC": "dsr", "TEST.RERANK.ENABLED": True}, "impossible", "TEST.RERANK.ENABLED works on whole"),
        ({"TEST.METRIC": "dsr", "TEST.AQE.ENABLED": True}, "impossible", "TEST.AQE.ENABLED works on whole"),
        ({"TEST.METRIC": "dsr", "MODEL.BACKBONE.NAME": "build_vit_backbone"}, "impossible", "gives one cell"),
        ({"TEST.METRIC": "dsr", **MOBILE, "INPUT.SIZE_TEST": [32, 32]}, "impossible", "raise INPUT.SIZE_TEST"),
        ({**MOBILE, "MODEL.BACKBONE.WITH_IBN": True}, "impossible", "build_mobilenetv2_backbone has none; these do: "),
    ],
)
def test_a_fault_is_refused_with_its_reason(values, code, words):
    (finding,) = findings_of(values)
    assert finding.code == code
    assert words in str(finding)
    assert finding.key in values


@pytest.mark.parametrize(
    "values",
    [
        {**TRIPLET, "MODEL.LOSSES.TRI.SOFT_MARGIN": True, "MODEL.LOSSES.TRI.MARGIN": 0.5},
        {"MODEL.BACKBONE.PRETRAIN": True, "MODEL.BACKBONE.PRETRAIN_PATH": "weights.pth"},
        {"MODEL.WEIGHTS": "model.pth"},
        {"MODEL.BACKBONE.PRETRAIN": True},  # FastReID's own files say so; building the model asks for the file
        VIT_CAMERAS,
        {"DATALOADER.NUM_INSTANCE": 7},
        {"SOLVER.STEPS": []},
        {"MODEL.LOSSES.CE.EPSILON": -1},
        {"INPUT.SIZE_TRAIN": [16, 32]},
        {"MODEL.DEVICE": "cuda:1"},
        {"SOLVER.GAMMA": 1},
        MOBILE,
    ],
)
def test_what_is_possible_is_accepted(values):
    from_values(values)


def test_a_whole_number_is_stored_as_the_number_it_stands_for():
    assert type(from_values({"SOLVER.WARMUP_EPOCHS": 5}).solver.warmup_epochs) is float


def test_every_fault_is_reported_at_once():
    codes = [
        finding.code for finding in findings_of({"X": 1, "SOLVER.OPT": 3, "SOLVER.GAMMA": 2.0, "SOLVER.STEPS": [2, 1]})
    ]
    assert sorted(codes) == ["impossible", "out-of-range", "unknown-key", "wrong-type"]


def test_a_broken_key_causes_no_second_fault():
    values = {**IDENTITY, "SOLVER.IMS_PER_BATCH": 30, "DATALOADER.NUM_INSTANCE": "many"}
    assert [finding.code for finding in findings_of(values)] == ["wrong-type"]


def test_a_recipe_for_resnet_takes_another_backbone_by_name_alone():
    config = load_config("bnneck", {"MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone"}).config
    assert config.model.backbone.name == "build_mobilenetv2_backbone"


def test_a_setting_is_blamed_before_the_recipe_that_it_contradicts():
    with pytest.raises(ConfigError) as caught:
        load_config("naic", {"SOLVER.MAX_EPOCH": 1})
    blamed = [found for found in caught.value.findings if "SOLVER.DELAY_EPOCHS" in found.message]
    assert [found.file for found in blamed] == ["--set SOLVER.MAX_EPOCH"]
