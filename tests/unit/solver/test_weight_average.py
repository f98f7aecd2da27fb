from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_core.config.convert import tree_of
from reid_core.solver import WeightAverage, build_average


def network():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def move(model, step):
    torch.manual_seed(step)
    with torch.no_grad():
        for value in model.state_dict().values():
            value.copy_(torch.randn(value.shape) if value.is_floating_point() else torch.tensor(step + 1))


def copy_of(state):
    return {name: value.clone() for name, value in state.items()}


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(value, right[name]) for name, value in left.items())


def test_average_follows_its_definition_statistics_included():
    model = network()
    average = WeightAverage(model, momentum=0.5)
    expected = copy_of(model.state_dict())
    for step in range(12):
        move(model, step)
        average.update(model)
        momentum = min(0.5, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            mixed = momentum * expected[name] + (1 - momentum) * value
            expected[name] = mixed if value.is_floating_point() else value.clone()
    got = average.averaged_state()
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value)
    assert got["1.num_batches_tracked"] == 12


def test_model_has_the_average_inside_the_block_and_its_own_weights_after_it():
    model = network()
    average = WeightAverage(model, momentum=0.9)
    move(model, 0)
    average.update(model)
    own, averaged = copy_of(model.state_dict()), average.averaged_state()
    with average.applied_to(model):
        assert equal(model.state_dict(), averaged)
    assert equal(model.state_dict(), own)
    assert equal(average.averaged_state(), averaged)


def test_error_inside_the_block_gives_the_own_weights_back():
    model = network()
    average = WeightAverage(model, momentum=0.9)
    move(model, 0)
    own = copy_of(model.state_dict())
    with pytest.raises(RuntimeError, match="evaluation failed"), average.applied_to(model):
        raise RuntimeError("evaluation failed")
    assert equal(model.state_dict(), own)


def test_average_resumed_from_a_saved_state_continues_bit_by_bit(tmp_path):
    model = network()
    straight = WeightAverage(model, momentum=0.999)
    for step in range(3):
        move(model, step)
        straight.update(model)
    torch.save(straight.state_dict(), tmp_path / "ema.pth")
    resumed = WeightAverage(network(), momentum=0.999)
    resumed.load_state_dict(torch.load(tmp_path / "ema.pth", weights_only=True))
    for step in range(3, 6):
        move(model, step)
        straight.update(model)
        resumed.update(model)
    assert equal(straight.averaged_state(), resumed.averaged_state())


def test_average_is_off_unless_asked_for():
    assert build_average(tree_of({}), network()) is None
    assert build_average(tree_of({"SOLVER.EMA.ENABLED": True}), network()) is not None
