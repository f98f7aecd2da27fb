from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_core import api
from reid_core.data.loader import Batch
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine.compute import Compute
from reid_core.engine.precise_bn import check_processes, measure_statistics
from reid_core.errors import ConfigError
from reid_core.modeling import build_model

_CPU = Compute(torch.device("cpu"))


def precise(tiny, iterations=3, **changed):
    return tiny(TEST__PRECISE_BN__ENABLED=True, TEST__PRECISE_BN__NUM_ITER=iterations, **changed)


def batches(count, size=6):
    draw = torch.Generator().manual_seed(0)
    nothing = torch.zeros(size, dtype=torch.int64)
    return [
        Batch(torch.randint(0, 256, (size, 3, 32, 32), dtype=torch.uint8, generator=draw), nothing, nothing, nothing)
        for _ in range(count)
    ]


def norms_of(model):
    return {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}


def test_statistics_are_the_averages_of_what_each_layer_sees(tiny):
    model = build_model(tiny(), 4, pretrained=False).train()
    seen = {name: [] for name in norms_of(model)}
    for name, norm in norms_of(model).items():
        norm.register_forward_pre_hook(lambda _, given, name=name: seen[name].append(given[0].detach().clone()))
    measure_statistics(model, batches(4), _CPU)
    assert {len(inputs) for inputs in seen.values()} == {4}
    for name, norm in norms_of(model).items():
        means = torch.stack([inputs.mean((0, 2, 3)) for inputs in seen[name]]).mean(0)
        variances = torch.stack([inputs.transpose(0, 1).flatten(1).var(1) for inputs in seen[name]]).mean(0)
        torch.testing.assert_close(norm.running_mean, means)
        torch.testing.assert_close(norm.running_var, variances)


def test_only_statistics_change_and_the_modes_stay(tiny):
    model = build_model(tiny(), 4, pretrained=False).train()
    model.heads.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    momenta = {norm.momentum for norm in norms_of(model).values()}
    measure_statistics(model, batches(2), _CPU)
    changed = {name.rpartition(".")[2] for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed == {"running_mean", "running_var"}
    assert {norm.momentum for norm in norms_of(model).values()} == momenta
    assert model.training
    assert not model.heads.training


def test_a_layer_that_embeddings_do_not_pass_keeps_its_statistics(tiny):
    model = build_model(tiny(), 4, pretrained=False)
    model.heads.idle = torch.nn.BatchNorm2d(3)
    model.heads.idle.running_mean.fill_(7)
    measure_statistics(model, batches(2), _CPU)
    assert (model.heads.idle.running_mean == 7).all()


@pytest.mark.slow
@pytest.mark.parametrize("average", [False, True])
def test_the_last_epoch_is_measured_and_saved_with_them(tiny, tmp_path, average):
    config = precise(tiny, SOLVER__MAX_EPOCH=2, SOLVER__EMA__ENABLED=average)
    plain = tiny(SOLVER__MAX_EPOCH=2, SOLVER__EMA__ENABLED=average)
    states, results = [], []
    for name, chosen in (("precise", config), ("plain", plain)):
        results.append(api.train(chosen, directory=tmp_path / name, protocol=api.Protocol.VALIDATION, threads=1))
        states.append([checkpoints.load(tmp_path / name / f"epoch-000{epoch}.pt") for epoch in (1, 2)])
    key = next(name for name in states[0][0].model if name.endswith("running_mean"))

    def measured_mean(state):
        return (state.parts["average"]["values"] if average else state.model)[key]

    assert measured_mean(states[0][0]).equal(measured_mean(states[1][0]))  # epoch 1 is not the last
    assert not torch.allclose(measured_mean(states[0][1]), measured_mean(states[1][1]))
    report = api.evaluate(config, results[0].checkpoint.path, protocol=api.Protocol.VALIDATION, threads=1)
    assert {name: results[0].metrics[name] for name in report.metrics} == pytest.approx(dict(report.metrics))


@pytest.mark.slow
def test_a_resumed_training_measures_the_same_statistics(tiny, tmp_path):
    config = precise(tiny, iterations=5)
    whole = api.train(config, directory=tmp_path / "whole", threads=1)
    part = api.train(config, directory=tmp_path / "part", to_epoch=2, threads=1)
    rest = api.train(config, directory=tmp_path / "part", checkpoint=part.checkpoint, threads=1)
    one, other = (checkpoints.load(result.checkpoint.path).model for result in (whole, rest))
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name])


def test_several_processes_that_share_their_norms_are_refused(tiny):
    config = precise(tiny, MODEL__BACKBONE__NORM="syncBN")
    check_processes(config, 1)
    check_processes(precise(tiny), 2)
    with pytest.raises(ConfigError, match="does not go with syncBN in 2 processes"):
        check_processes(config, 2)
