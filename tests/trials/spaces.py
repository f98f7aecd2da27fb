"""What a space fixes so that one real training takes well under a second."""

from __future__ import annotations

__all__ = ["TINY"]

TINY = """\
fixed:
  DATASETS.SYNTHETIC.IDENTITIES: 8
  DATASETS.SYNTHETIC.TEST_IDENTITIES: 4
  DATASETS.SYNTHETIC.IMAGES: 2
  DATASETS.SYNTHETIC.CAMERAS: 2
  SOLVER.IMS_PER_BATCH: 8
  DATALOADER.NUM_INSTANCE: 2
  MODEL.BACKBONE.NAME: build_mobilenetv2_backbone
  MODEL.BACKBONE.DEPTH: 0.1x
  MODEL.BACKBONE.FEAT_DIM: 1280
  INPUT.SIZE_TRAIN: [32, 32]
  INPUT.SIZE_TEST: [32, 32]
"""
