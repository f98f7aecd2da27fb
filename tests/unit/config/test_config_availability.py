"""Everything the configuration lets people choose can be built by the code that computes."""

from __future__ import annotations

from reid_core.config.availability import CHOICES, COMPARING_LOSSES, GROUPING_SAMPLERS
from reid_core.config.backbones import FAMILIES


def available(key):
    return set(CHOICES[key].available)


def test_model_names_can_be_built():
    from reid_core.losses import Spread
    from reid_core.losses.compose import LOSSES
    from reid_core.modeling.backbones import MobileNetV3Size, ResNetDepth, efficientnet, repvgg, shufflenet_v2
    from reid_core.modeling.backbones.mobilenet_v2 import WIDTHS
    from reid_core.modeling.backbones.vision_transformer import VIT_SIZES
    from reid_core.modeling.heads import ClassifierKind, NeckFeature
    from reid_core.modeling.layers import Norm, Pool
    from reid_core.modeling.registry import ARCHITECTURES, BACKBONES, HEADS, SIZED_BACKBONES

    assert set(FAMILIES) == {*BACKBONES, *SIZED_BACKBONES}
    assert set(FAMILIES["build_vit_backbone"].sizes) == set(VIT_SIZES)
    assert available("MODEL.HEADS.NAME") <= set(HEADS)
    assert available("MODEL.META_ARCHITECTURE") == set(ARCHITECTURES)
    assert COMPARING_LOSSES <= available("MODEL.LOSSES.NAME") == set(LOSSES)
    assert available("MODEL.LOSSES.CE.SPREAD") == set(Spread)
    assert available("MODEL.HEADS.POOL_LAYER") <= set(Pool)
    assert available("MODEL.HEADS.CLS_LAYER") <= set(ClassifierKind)
    assert available("MODEL.HEADS.NECK_FEAT") <= set(NeckFeature)
    assert available("MODEL.HEADS.NORM") | available("MODEL.BACKBONE.NORM") <= set(Norm)
    assert set(FAMILIES["build_resnet_backbone"].sizes) <= set(ResNetDepth)
    assert set(FAMILIES["build_mobilenetv2_backbone"].sizes) <= set(WIDTHS)
    assert set(FAMILIES["build_effnet_backbone"].sizes) == set(efficientnet.SIZES)
    assert set(FAMILIES["build_mobilenetv3_backbone"].sizes) == set(MobileNetV3Size)
    assert set(FAMILIES["build_repvgg_backbone"].sizes) == set(repvgg.SIZES)
    assert set(FAMILIES["build_shufflenetv2_backbone"].sizes) == set(shufflenet_v2.WIDTHS)


def test_solver_names_can_be_built():
    from reid_core.evaluation import Distance
    from reid_core.solver.clip import ClipKind
    from reid_core.solver.optimizer import OptimizerKind
    from reid_core.solver.schedule import Counting, Decay, Unit, Warmup

    assert available("SOLVER.OPT") <= set(OptimizerKind)
    assert available("SOLVER.SCHED") <= set(Decay)
    assert available("SOLVER.WARMUP_METHOD") <= set(Warmup)
    assert available("SOLVER.WARMUP_UNIT") == available("SOLVER.SCHED_UNIT") == set(Unit)
    assert available("SOLVER.STEPS_COUNT") == set(Counting)
    assert available("SOLVER.CLIP_GRADIENTS.CLIP_TYPE") <= set(ClipKind)
    assert available("TEST.METRIC") <= {*Distance, "dsr"}


def test_data_names_can_be_read():
    from reid_core.data.records import Layout
    from reid_core.data.sampling import SAMPLERS
    from reid_core.data.transforms import PadMode

    assert GROUPING_SAMPLERS <= available("DATALOADER.SAMPLER_TRAIN") <= set(SAMPLERS)
    assert available("DATASETS.LAYOUT") <= {"auto", *Layout}
    assert available("INPUT.PADDING.MODE") <= set(PadMode)
