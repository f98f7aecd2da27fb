"""The names and switches of MODEL.BACKBONE, from configuration to module."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from reid_core.config import from_values
from reid_core.config.backbones import FAMILIES
from reid_core.config.schema.model import Backbone
from reid_core.errors import ConfigError
from reid_core.modeling.backbones import OSNet, OSNetAin, RegNet, ResNeSt, ResNet, ResNeXt
from reid_core.modeling.backbones.osnet import WIDTHS
from reid_core.modeling.backbones.regnet import SIZES
from reid_core.modeling.backbones.resnest import ResNeStDepth
from reid_core.modeling.backbones.resnext import ResNeXtDepth
from reid_core.modeling.fusion import pairs
from reid_core.modeling.registry import build_backbone

RESNEST, OSNET = "build_resnest_backbone", "build_osnet_backbone"


def built(**settings):
    with torch.device("meta"):
        return build_backbone(Backbone(**settings), (64, 32))


def test_the_sizes_that_can_be_chosen_are_those_that_can_be_built():
    assert set(FAMILIES[RESNEST].sizes) == set(ResNeStDepth)
    assert set(FAMILIES["build_resnext_backbone"].sizes) == set(ResNeXtDepth)
    assert set(FAMILIES["build_regnet_backbone"].sizes) == set(SIZES)
    assert set(FAMILIES[OSNET].sizes) == set(WIDTHS) | {f"ain_{size}" for size in WIDTHS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "kind", "width"),
    [
        ({"name": "build_resnet_backbone", "depth": "18x"}, ResNet, 512),
        ({"name": "build_resnext_backbone"}, ResNeXt, 2048),
        ({"name": RESNEST}, ResNeSt, 2048),
        ({"name": OSNET}, OSNet, 512),
        ({"name": OSNET, "depth": "x0_25"}, OSNet, 128),
        ({"name": OSNET, "depth": "ain_x0_25"}, OSNetAin, 128),
        ({"name": "build_regnet_backbone"}, RegNet, 768),
        ({"name": "build_regnet_backbone", "depth": "200x"}, RegNet, 368),
    ],
)
def test_a_name_and_its_size_become_a_backbone(settings, kind, width):
    backbone, feature_dim = built(**settings)
    assert type(backbone) is kind
    assert feature_dim == width


@pytest.mark.parametrize("name", ["build_resnet_backbone", "build_resnext_backbone"])
def test_the_kind_of_ibn_is_read(name):
    depth = "18x" if name == "build_resnet_backbone" else "50x"
    kinds = [built(name=name, depth=depth, with_ibn=True, ibn_kind=kind)[0].state_dict() for kind in ("a", "b")]
    assert ["layer1.0.bn1.IN.weight" in keys for keys in kinds] == [True, False]


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"NAME": OSNET, "WITH_IBN": True, "IBN_KIND": "b"}, "impossible", "has no IBN-b"),
        ({"WITH_IBN": True, "IBN_KIND": "c"}, "unknown-value", "available: a, b"),
        ({"NAME": OSNET, "WITH_NL": True}, "impossible", "build_osnet_backbone has none"),
        ({"NAME": RESNEST, "WITH_SE": True}, "impossible", "build_resnest_backbone has none"),
        ({"NAME": OSNET, "DEPTH": "x2_0"}, "unknown-value", "build_osnet_backbone"),
        ({"NAME": "build_regnet_backbone", "DEPTH": "600x"}, "unknown-value", "build_regnet_backbone"),
    ],
)
def test_what_a_family_does_not_have_is_refused(values, code, words):
    with pytest.raises(ConfigError) as refused:
        from_values({f"MODEL.BACKBONE.{key}": value for key, value in values.items()})
    assert any(finding.code == code and words in str(finding) for finding in refused.value.findings)


def test_small_images_are_refused_for_regnet_but_not_for_osnet():
    small = {"INPUT.SIZE_TRAIN": [16, 16], "INPUT.SIZE_TEST": [16, 16], "MODEL.BACKBONE.LAST_STRIDE": 2}
    from_values({**small, "MODEL.BACKBONE.NAME": OSNET})
    with pytest.raises(ConfigError, match="shrinks images 32 times"):
        from_values({**small, "MODEL.BACKBONE.NAME": "build_regnet_backbone"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "alone"),
    [
        ({"name": OSNET, "depth": "x0_25"}, 0),
        ({"name": OSNET, "depth": "ain_x0_25"}, 0),
        ({"name": "build_regnet_backbone", "depth": "200y"}, 0),
        ({"name": RESNEST}, 1),  # the stem's last, under a key of its own
    ],
)
def test_batch_norms_stand_where_inference_can_fuse_them(settings, alone):
    backbone = built(**settings)[0].eval()
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(pairs(backbone)) == len(norms) - alone


def test_resnest_takes_fastreids_files_and_says_that_it_has_no_non_local_blocks(caplog):
    config = from_values({"MODEL.BACKBONE.NAME": RESNEST, "MODEL.BACKBONE.WITH_NL": True})
    with caplog.at_level(logging.WARNING), torch.device("meta"):
        backbone, _ = build_backbone(config.model.backbone, (64, 32))
    assert not [key for key in backbone.state_dict() if "NL" in key]
    assert "MODEL.BACKBONE.WITH_NL changes nothing" in caplog.text


@pytest.mark.slow
def test_ain_says_that_ibn_is_its_own(caplog):
    with caplog.at_level(logging.WARNING):
        built(name=OSNET, depth="ain_x0_25", with_ibn=True)
    assert "MODEL.BACKBONE.WITH_IBN changes nothing" in caplog.text
