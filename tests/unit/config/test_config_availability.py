"""Everything the configuration lets people choose can be built by the code that computes."""

from __future__ import annotations

from reid_core.config.availability import CHOICES, GROUPING_SAMPLERS
from reid_core.config.backbones import FAMILIES


def available(key):
    return set(CHOICES[key].available)


def test_model_names_can_be_built():
    from reid_core.losses.compose import LOSSES
    from reid_core.modeling.backbones import ResNetDepth
    from reid_core.modeling.backbones.mobilenet_v2 import WIDTHS
    from reid_core.modeling.heads import ClassifierKind, NeckFeature
    from reid_core.modeling.layers import Norm, Pool
    from reid_core.modeling.registry import BACKBONES, HEADS

    assert set(FAMILIES) == set(BACKBONES)
    assert available("MODEL.HEADS.NAME") <= set(HEADS)
    assert available("MODEL.LOSSES.NAME") <= set(LOSSES)
    assert available("MODEL.HEADS.POOL_LAYER") <= set(Pool)
    assert available("MODEL.HEADS.CLS_LAYER") <= set(ClassifierKind)
    assert available("MODEL.HEADS.NECK_FEAT") <= set(NeckFeature)
    assert available("MODEL.HEADS.NORM") | available("MODEL.BACKBONE.NORM") <= set(Norm)
    assert set(FAMILIES["build_resnet_backbone"].sizes) <= set(ResNetDepth)
    assert set(FAMILIES["build_mobilenetv2_backbone"].sizes) <= set(WIDTHS)


def test_solver_names_can_be_built():
    from reid_core.evaluation import Distance
    from reid_core.solver.clip import ClipKind
    from reid_core.solver.optimizer import OptimizerKind
    from reid_core.solver.schedule import Decay, Warmup

    assert available("SOLVER.OPT") <= set(OptimizerKind)
    assert available("SOLVER.SCHED") <= set(Decay)
    assert available("SOLVER.WARMUP_METHOD") <= set(Warmup)
    assert available("SOLVER.CLIP_GRADIENTS.CLIP_TYPE") <= set(ClipKind)
    assert available("TEST.METRIC") <= set(Distance)


def test_data_names_can_be_read():
    from reid_core.data.pipeline import SAMPLERS
    from reid_core.data.records import Layout
    from reid_core.data.transforms import PadMode

    assert GROUPING_SAMPLERS <= available("DATALOADER.SAMPLER_TRAIN") <= set(SAMPLERS)
    assert available("DATASETS.LAYOUT") <= {"auto", *Layout}
    assert available("INPUT.PADDING.MODE") <= set(PadMode)
