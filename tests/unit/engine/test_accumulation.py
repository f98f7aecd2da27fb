"""A batch in micro-batches: one update from the mean of their gradients."""

from __future__ import annotations

import pytest
import torch
from validation_run import train

from reid_core.engine.checkpoint import load
from reid_core.errors import ConfigError

# No batch norm, and cross-entropy is a mean over images: nothing may depend on the cut.
SUMS = {
    "MODEL__BACKBONE__NAME": "one_convolution:build_without_norm",
    "MODEL__HEADS__WITH_BNNECK": False,
    "MODEL__LOSSES__NAME": ["CrossEntropyLoss"],
    "SOLVER__OPT": "SGD",
}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["BalancedIdentitySampler", "TrainingSampler"])
def test_micro_batches_change_nothing_where_images_do_not_see_each_other(tiny, tmp_path, sampler):
    changed = SUMS | {"DATALOADER__SAMPLER_TRAIN": sampler, "SOLVER__WARMUP_EPOCHS": 0.0, "SOLVER__WARMUP_ITERS": 0}
    whole, end = train(tiny(**changed), tmp_path / "whole", to_epoch=1)
    parts, again = train(tiny(**changed, SOLVER__ACCUMULATE=2), tmp_path / "parts", to_epoch=1)
    assert parts[0].metrics["loss"] == pytest.approx(whole[0].metrics["loss"], rel=1e-5)
    want, got = load(end.checkpoint.path).model, load(again.checkpoint.path).model
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.slow
def test_losses_over_pairs_and_batch_norm_see_one_micro_batch(tiny, tmp_path):
    whole, _ = train(tiny(), tmp_path / "whole", to_epoch=1)
    parts, _ = train(tiny(SOLVER__ACCUMULATE=2), tmp_path / "parts", to_epoch=1)
    assert parts[0].metrics["loss_triplet"] != pytest.approx(whole[0].metrics["loss_triplet"], rel=1e-3)


@pytest.mark.slow
def test_a_training_in_micro_batches_resumes_bit_by_bit(tiny, tmp_path):
    config = tiny(SOLVER__ACCUMULATE=2, SOLVER__EMA__ENABLED=True, SOLVER__OPT="RAdam", SOLVER__SCHED="OneCycleLR")
    straight, end = train(config, tmp_path / "straight", to_epoch=2)
    _, again = train(config, tmp_path / "rest", to_epoch=2, checkpoint=straight[0].checkpoint)
    want, got = load(end.checkpoint.path), load(again.checkpoint.path)
    assert all(torch.equal(value, got.model[name]) for name, value in want.model.items())
    averages = want.parts["average"]["values"]
    assert all(torch.equal(value, got.parts["average"]["values"][name]) for name, value in averages.items())


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"SOLVER__ACCUMULATE": 3}, "a multiple of 2 images, at least 4"),
        ({"SOLVER__ACCUMULATE": 4}, "a multiple of 2 images, at least 4"),
        (
            {"SOLVER__ACCUMULATE": 8, "DATALOADER__SAMPLER_TRAIN": "TrainingSampler"},
            "a multiple of 1 images, at least 2",
        ),
    ],
)
def test_micro_batches_hold_whole_groups_and_a_triplet(tiny, changed, hint):
    with pytest.raises(ConfigError, match=rf"does not make \d micro-batches \(SOLVER.ACCUMULATE\).*{hint}"):
        tiny(**changed)
