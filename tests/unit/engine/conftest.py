"""A training that takes a fraction of a second: eight identities, images of 32 x 32, a tenth of a MobileNetV2."""

from __future__ import annotations

import pytest

from reid_core.config import from_values

_TINY = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "MODEL.HEADS.WITH_BNNECK": True,
    "MODEL.LOSSES.NAME": ["CrossEntropyLoss", "TripletLoss"],
    "INPUT.SIZE_TRAIN": [32, 32],
    "INPUT.SIZE_TEST": [32, 32],
    "INPUT.FLIP.ENABLED": True,
    "INPUT.REA.ENABLED": True,
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.CAMERAS": 2,
    "DATASETS.SYNTHETIC.IMAGES": 2,
    "DATALOADER.SAMPLER_TRAIN": "BalancedIdentitySampler",
    "DATALOADER.NUM_INSTANCE": 2,
    "SOLVER.IMS_PER_BATCH": 8,
    "SOLVER.MAX_EPOCH": 3,
    "SOLVER.SCHED": "CosineAnnealingLR",
    "SOLVER.WARMUP_EPOCHS": 1.0,
    "SOLVER.CHECKPOINT_PERIOD": 1,
    "TEST.EVAL_PERIOD": 1,
}


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("engine-cache")


@pytest.fixture
def tiny(cache):
    """A function of configuration keys that differ from the tiny training's."""
    return lambda **changed: from_values(
        _TINY | {"DATALOADER.CACHE_DIR": str(cache)} | {key.replace("__", "."): value for key, value in changed.items()}
    )
