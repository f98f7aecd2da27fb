"""A run continued from a checkpoint is, bit by bit, the run that was never interrupted."""

from __future__ import annotations

import pytest
import torch

from reid_core import api
from reid_core.engine.checkpoint import load
from reid_core.errors import CheckpointError

CLOCK = {"seconds", "images_per_second", "data_wait"}

EVERYTHING = {
    "MODEL__LOSSES__NAME": ["CrossEntropyLoss", "TripletLoss", "CenterLoss"],
    "MODEL__FREEZE_LAYERS": ["backbone"],
    "SOLVER__FREEZE_ITERS": 5,  # three iterations an epoch: thaws inside the second
    "SOLVER__EMA__ENABLED": True,
    "SOLVER__CLIP_GRADIENTS__ENABLED": True,
}


def train(config, directory, **options):
    results = []
    end = api.train(config, directory=directory, protocol=api.Protocol.VALIDATION, on_epoch=results.append, **options)
    return results, end


def without_clock(results):
    return [(one.epoch, {name: value for name, value in one.metrics.items() if name not in CLOCK}) for one in results]


def same(left, right):
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return left == right


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "threads", "epochs"),
    [
        pytest.param({}, 1, 3, id="adam"),
        pytest.param(EVERYTHING, 1, 3, id="everything"),
        pytest.param({"SOLVER__OPT": "SGD", "SOLVER__BASE_LR": 0.01}, 1, 3, id="sgd"),
        # two threads on a busy machine wait for each other far longer than they compute
        pytest.param(EVERYTHING, 2, 2, id="two-threads", marks=pytest.mark.timeout(900)),
    ],
)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_by_bit(tiny, tmp_path, changed, threads, epochs):
    config = tiny(**changed)
    options = {"seed": 3, "threads": threads}
    straight, end = train(config, tmp_path / "straight", to_epoch=epochs, **options)
    first, rest = train(config, tmp_path / "parts", to_epoch=1, **options)
    second, again = train(config, tmp_path / "parts", to_epoch=epochs, checkpoint=rest.checkpoint, **options)
    assert [one.epoch for one in second] == list(range(2, epochs + 1))
    assert without_clock(straight) == without_clock(first + second)
    want, got = load(end.checkpoint.path), load(again.checkpoint.path)
    for part in ("model", "parts", "best", "values", "epoch"):
        assert same(getattr(want, part), getattr(got, part)), part


@pytest.mark.slow
def test_the_schedule_is_that_of_the_full_length_whatever_epoch_it_rests_on(tiny, tmp_path):
    straight, _ = train(tiny(), tmp_path / "a")
    short, _ = train(tiny(), tmp_path / "b", to_epoch=1)
    assert short[0].metrics["lr"] == straight[0].metrics["lr"]
    assert straight[2].metrics["lr"] < straight[1].metrics["lr"]


@pytest.mark.slow
def test_another_seed_gives_another_run(tiny, tmp_path):
    one, _ = train(tiny(), tmp_path / "a", seed=0, to_epoch=1)
    other, _ = train(tiny(), tmp_path / "b", seed=1, to_epoch=1)
    assert one[0].metrics["loss"] != other[0].metrics["loss"]


@pytest.mark.slow
def test_training_leaves_the_callers_random_state_and_threads_alone(tiny, tmp_path):
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train(tiny(), tmp_path, to_epoch=1, threads=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
def test_a_finished_checkpoint_is_answered_without_training(tiny, tmp_path):
    _, end = train(tiny(), tmp_path, to_epoch=2)
    results, again = train(tiny(), tmp_path, to_epoch=2, checkpoint=end.checkpoint)
    assert results == []
    assert again == end


@pytest.mark.slow
def test_a_checkpoint_of_another_configuration_seed_or_split_is_refused(tiny, tmp_path):
    _, end = train(tiny(), tmp_path, to_epoch=1)
    with pytest.raises(CheckpointError, match=r"SOLVER\.BASE_LR"):
        train(tiny(SOLVER__BASE_LR=0.5), tmp_path, checkpoint=end.checkpoint)
    with pytest.raises(CheckpointError, match="seed: 0 in the checkpoint, 9 asked for"):
        train(tiny(), tmp_path, checkpoint=end.checkpoint, seed=9)
    with pytest.raises(CheckpointError, match="identities: 6 in the checkpoint, 8 in the data"):
        api.train(tiny(), directory=tmp_path, protocol=api.Protocol.TEST, checkpoint=end.checkpoint)


@pytest.mark.slow
def test_a_torn_checkpoint_is_refused_before_training(tiny, tmp_path):
    _, end = train(tiny(), tmp_path, to_epoch=1)
    end.checkpoint.path.write_bytes(end.checkpoint.path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="torn"):
        train(tiny(), tmp_path, checkpoint=end.checkpoint)
