"""Trainings of a second on the built-in data: six persons as classes, or the attributes of many."""

from __future__ import annotations

from reid_core.config import from_values

_BOTH = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "few_convolutions:build",
    "INPUT.SIZE_TRAIN": [64, 32],
    "INPUT.SIZE_TEST": [64, 32],
    "INPUT.FLIP.ENABLED": True,
    "SOLVER.BASE_LR": 3e-3,
    "SOLVER.IMS_PER_BATCH": 32,
    "SOLVER.SCHED": "CosineAnnealingLR",
    "SOLVER.WARMUP_EPOCHS": 1.0,
    "SOLVER.CHECKPOINT_PERIOD": 1,
    "TEST.EVAL_PERIOD": 1,
    "DATASETS.SYNTHETIC.CAMERAS": 2,
    "DATASETS.SYNTHETIC.DIFFICULTY": 0.0,
}
CLASSES = _BOTH | {
    "TASK.NAME": "classification",
    "MODEL.HEADS.NAME": "ClasHead",
    "SOLVER.MAX_EPOCH": 5,
    "DATASETS.SYNTHETIC.IDENTITIES": 6,
    "DATASETS.SYNTHETIC.IMAGES": 12,
}
ATTRIBUTES = _BOTH | {
    "TASK.NAME": "attributes",
    "MODEL.HEADS.NAME": "AttrHead",
    "MODEL.HEADS.WITH_BNNECK": True,
    "MODEL.LOSSES.NAME": ["BinaryCrossEntropyLoss"],
    "SOLVER.MAX_EPOCH": 5,
    "DATASETS.SYNTHETIC.IDENTITIES": 96,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 32,
    "DATASETS.SYNTHETIC.IMAGES": 2,
}

CLOCK = {"seconds", "images_per_second", "data_wait"}


def settings(values, cache, **changed):
    """The configuration of `values` with other keys, `__` for dots."""
    return from_values(
        values | {"DATALOADER.CACHE_DIR": str(cache)} | {key.replace("__", "."): new for key, new in changed.items()}
    )


def without_clock(results):
    return [(one.epoch, {name: value for name, value in one.metrics.items() if name not in CLOCK}) for one in results]
