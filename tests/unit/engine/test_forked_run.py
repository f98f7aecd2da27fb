"""A run that goes on from another run's checkpoint with settings of its own."""

from __future__ import annotations

import pytest
import torch
from validation_run import train

from reid_core import api
from reid_core.config import may_change_in_training
from reid_core.engine.checkpoint import load
from reid_core.engine.retention import checkpoints
from reid_core.errors import CheckpointError

CLOCK = {"seconds", "images_per_second", "data_wait"}
CENTERS = {"MODEL__LOSSES__NAME": ["CrossEntropyLoss", "TripletLoss", "CenterLoss"], "SOLVER__EMA__ENABLED": True}


def fork(checkpoint):
    return api.Fork(checkpoint.path, checkpoint.epoch, checkpoint.sha256)


def without_clock(results):
    return [{name: value for name, value in one.metrics.items() if name not in CLOCK} for one in results]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({}, id="adam"),
        pytest.param(CENTERS, id="centers-and-average"),
        pytest.param({"SOLVER__OPT": "SGD", "SOLVER__BASE_LR": 0.01}, id="sgd"),
    ],
)
def test_a_fork_with_equal_values_is_bit_by_bit_the_parent_going_on(tiny, tmp_path, changed):
    config = tiny(**changed)
    _, rest = train(config, tmp_path / "parent", to_epoch=1)
    straight, end = train(config, tmp_path / "parent", checkpoint=rest.checkpoint, to_epoch=2)
    forked, again = train(config, tmp_path / "child", checkpoint=fork(rest.checkpoint), to_epoch=2)
    assert without_clock(straight) == without_clock(forked)
    want, got = load(end.checkpoint.path), load(again.checkpoint.path)
    assert all(torch.equal(value, got.model[name]) for name, value in want.model.items())
    for key, memory in want.parts["optimizer"]["state"].items():
        for name, value in memory.items():
            other = got.parts["optimizer"]["state"][key][name]
            assert torch.equal(value, other) if isinstance(value, torch.Tensor) else value == other


@pytest.mark.slow
def test_a_fork_trains_with_its_own_learning_rate_and_losses_from_the_parents_weights(tiny, tmp_path):
    slow = {"SOLVER__BASE_LR": 3e-4, "SOLVER__WARMUP_EPOCHS": 0.0}
    first, rest = train(tiny(**slow), tmp_path / "parent", to_epoch=1)
    own = slow | {"SOLVER__BASE_LR": 6e-4, "MODEL__LOSSES__TRI__SCALE": 0.0}
    forked, end = train(tiny(**own), tmp_path / "child", checkpoint=fork(rest.checkpoint), to_epoch=2)
    straight, _ = train(tiny(**slow), tmp_path / "parent", checkpoint=rest.checkpoint, to_epoch=2)
    assert [one.epoch for one in forked] == [2]
    assert forked[0].metrics["lr"] == pytest.approx(2 * straight[0].metrics["lr"], rel=1e-3)
    assert forked[0].metrics["loss_triplet"] == 0.0
    drift = abs(forked[0].metrics["loss_cls"] - straight[0].metrics["loss_cls"])
    assert drift < 0.5 * abs(first[0].metrics["loss_cls"] - straight[0].metrics["loss_cls"])
    assert load(end.checkpoint.path).values["SOLVER.BASE_LR"] == 6e-4


@pytest.mark.slow
def test_the_optimisers_memory_follows_each_parameter_into_other_groups(tiny, tmp_path):
    """One weight decay for all is one group; three are three, in another order of parameters."""
    _, rest = train(tiny(), tmp_path / "parent", to_epoch=1)
    apart = {"SOLVER__WEIGHT_DECAY_BIAS": 0.0, "SOLVER__WEIGHT_DECAY_NORM": 1e-3, "SOLVER__HEADS_LR_FACTOR": 3.0}
    still = {"SOLVER__BASE_LR": 1e-12, "SOLVER__ETA_MIN_LR": 0.0}
    parent = load(rest.checkpoint.path)
    _, end = train(tiny(**apart, **still), tmp_path / "child", checkpoint=fork(rest.checkpoint), to_epoch=2)
    child = load(end.checkpoint.path)
    assert len(child.parts["optimizer"]["param_groups"]) > len(parent.parts["optimizer"]["param_groups"])
    memories = [sorted(run.parts["optimizer"]["state"].items()) for run in (parent, child)]
    sizes = [[tuple(one["exp_avg"].shape) for _, one in memory] for memory in memories]
    assert sizes[0] != sizes[1]
    assert sorted(sizes[0]) == sorted(sizes[1])
    steps = {float(one["step"]) for one in child.parts["optimizer"]["state"].values()}
    assert steps == {2.0 * float(one["step"]) for one in parent.parts["optimizer"]["state"].values()}


@pytest.mark.slow
def test_a_fork_chooses_its_best_epoch_among_its_own(tiny, tmp_path):
    _, rest = train(tiny(), tmp_path / "parent", to_epoch=2)
    _, end = train(tiny(), tmp_path / "child", checkpoint=fork(rest.checkpoint), to_epoch=3)
    assert end.best == end.checkpoint.path
    assert list(checkpoints(tmp_path / "child")) == [3]


@pytest.mark.slow
def test_a_fork_goes_on_from_its_own_checkpoint_as_any_run(tiny, tmp_path):
    _, rest = train(tiny(), tmp_path / "parent", to_epoch=1)
    own = tiny(SOLVER__BASE_LR=1e-3)
    straight, _ = train(own, tmp_path / "a", checkpoint=fork(rest.checkpoint), to_epoch=3)
    _, half = train(own, tmp_path / "b", checkpoint=fork(rest.checkpoint), to_epoch=2)
    second, _ = train(own, tmp_path / "b", checkpoint=half.checkpoint, to_epoch=3)
    assert without_clock(straight)[1:] == without_clock(second)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [{"SOLVER__OPT": "SGD"}, {"MODEL__LOSSES__NAME": ["CrossEntropyLoss"]}, {"SOLVER__EMA__ENABLED": True}],
)
def test_a_fork_of_another_model_or_optimiser_is_refused_by_name(tiny, tmp_path, change):
    _, rest = train(tiny(), tmp_path / "parent", to_epoch=1)
    (key,) = change
    with pytest.raises(CheckpointError, match=key.replace("__", r"\.")):
        train(tiny(**change), tmp_path / "child", checkpoint=fork(rest.checkpoint), to_epoch=2)


@pytest.mark.slow
def test_checkpoints_that_others_still_need_stay(tiny, tmp_path):
    config = tiny(SOLVER__MAX_EPOCH=6)
    _, rest = train(config, tmp_path, to_epoch=2)
    _, end = train(config, tmp_path, checkpoint=rest.checkpoint, to_epoch=3)
    _, end = train(config, tmp_path, checkpoint=end.checkpoint, to_epoch=6, keep=(2,))
    best = load(end.checkpoint.path).best
    assert set(checkpoints(tmp_path)) == {2, 3, 5, 6, best[0]}


@pytest.mark.parametrize(
    ("key", "may"),
    [
        ("SOLVER.BASE_LR", True),
        ("SOLVER.WEIGHT_DECAY_NORM", True),
        ("SOLVER.OPT", False),
        ("SOLVER.AMP.ENABLED", False),
        ("SOLVER.MAX_EPOCH", False),
        ("MODEL.LOSSES.TRI.MARGIN", True),
        ("MODEL.LOSSES.NAME", False),
        ("MODEL.BACKBONE.DEPTH", False),
        ("MODEL.HEADS.POOL_LAYER", False),
        ("MODEL.HEADS.SCALE", True),
        ("INPUT.REA.PROB", True),
        ("INPUT.SIZE_TRAIN", False),
        ("DATALOADER.NUM_INSTANCE", True),
        ("DATASETS.VAL_FRACTION", False),
        ("TEST.METRIC", False),
    ],
)
def test_what_may_change_in_training_is_neither_model_nor_optimiser_nor_data(key, may):
    assert may_change_in_training(key) is may
