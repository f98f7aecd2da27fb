"""Architectures with a state of their own train in the engine and resume bit by bit."""

from __future__ import annotations

import pytest
import torch

from reid_core import api
from reid_core.engine.checkpoint import load

MOCO = {"MODEL__META_ARCHITECTURE": "MoCo", "MODEL__QUEUE_SIZE": 20}
PCB = {
    "MODEL__META_ARCHITECTURE": "PCB",
    "MODEL__HEADS__PARTS": 2,
    "MODEL__HEADS__EMBEDDING_DIM": 16,
    "MODEL__LOSSES__NAME": ["CrossEntropyLoss", "CircleLoss", "CenterLoss"],
    "INPUT__SIZE_TRAIN": [64, 32],
    "INPUT__SIZE_TEST": [64, 32],
}


def run(config, folder, to_epoch, checkpoint=None):
    metrics = {}
    end = api.train(
        config,
        directory=folder,
        protocol=api.Protocol.VALIDATION,
        seed=3,
        threads=1,
        to_epoch=to_epoch,
        checkpoint=checkpoint,
        on_epoch=lambda one: metrics.update({one.epoch: one.metrics}),
    )
    return metrics, end.checkpoint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "losses"),
    [
        pytest.param(MOCO, {"loss", "loss_cls", "loss_triplet", "loss_mb"}, id="moco"),
        pytest.param(
            MOCO | {"MODEL__KEY_MOMENTUM": 0.9, "SOLVER__EMA__ENABLED": True},
            {"loss", "loss_cls", "loss_triplet", "loss_mb"},
            id="moco-key-encoder",
        ),
        pytest.param(PCB, {"loss", "loss_cls_p1", "loss_cls_p2", "loss_circle", "loss_center"}, id="pcb"),
    ],
)
def test_an_architecture_resumes_bit_by_bit(tiny, tmp_path, changed, losses):
    config = tiny(**changed)
    straight, want = run(config, tmp_path / "straight", 2)
    _, rest = run(config, tmp_path / "parts", 1)
    continued, got = run(config, tmp_path / "parts", 2, rest)
    assert {name for name in straight[2] if name.startswith("loss")} == losses
    assert {name: continued[2][name] for name in losses | {"mAP"}} == {
        name: straight[2][name] for name in losses | {"mAP"}
    }
    left, right = load(want.path).model, load(got.path).model
    assert left.keys() == right.keys()
    assert all(torch.equal(value, right[key]) for key, value in left.items())
