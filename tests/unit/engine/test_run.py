from __future__ import annotations

import math

import pytest
import torch
from validation_run import train

from reid_core import api
from reid_core.engine import trainer as trainer_module
from reid_core.engine.checkpoint import load
from reid_core.engine.retention import checkpoints
from reid_core.errors import ConfigError, TrainingDiverged

MEASURED = {"mAP", "mINP", "rank1", "rank5", "rank10"}
TRAINED = {"loss", "loss_cls", "loss_triplet", "lr", "images_per_second", "data_wait", "seconds"}


@pytest.mark.slow
def test_every_epoch_reports_its_metrics_and_a_durable_checkpoint(tiny, tmp_path):
    results = []

    def seen(result):
        assert load(result.checkpoint.path, sha256=result.checkpoint.sha256).epoch == result.epoch
        results.append(result)

    end = api.train(tiny(), directory=tmp_path, protocol=api.Protocol.VALIDATION, on_epoch=seen, threads=1)
    assert [one.epoch for one in results] == [1, 2, 3]
    assert all(one.metrics.keys() == TRAINED | MEASURED for one in results)
    assert all(0 <= one.metrics[name] <= 1 for one in results for name in MEASURED)
    assert end == api.TrainResult(3, results[-1].metrics, results[-1].checkpoint, stopped=False, best=end.best)


@pytest.mark.slow
@pytest.mark.parametrize("on", [True, False])
def test_cudnn_times_its_algorithms_in_training_steps_only_where_it_is_told_to(tiny, tmp_path, monkeypatch, on):
    real, seen = trainer_module.Trainer.step, []

    def step(self, batch):
        seen.append(torch.backends.cudnn.benchmark)
        return real(self, batch)

    monkeypatch.setattr(trainer_module.Trainer, "step", step)
    before = torch.backends.cudnn.benchmark
    train(tiny(CUDNN_BENCHMARK=on), tmp_path, to_epoch=1)
    assert set(seen) == {on}
    assert torch.backends.cudnn.benchmark == before


@pytest.mark.slow
def test_loss_is_the_sum_of_its_terms(tiny, tmp_path):
    results, _ = train(tiny(), tmp_path, to_epoch=1)
    metrics = results[0].metrics
    assert metrics["loss"] == pytest.approx(metrics["loss_cls"] + metrics["loss_triplet"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("period", "to_epoch", "measured"), [(2, 3, [2, 3]), (0, 3, [3]), (0, 2, [2]), (1, 2, [1, 2])])
def test_measures_every_period_and_at_the_end(tiny, tmp_path, period, to_epoch, measured):
    results, _ = train(tiny(TEST__EVAL_PERIOD=period), tmp_path, to_epoch=to_epoch)
    assert [one.epoch for one in results if "mAP" in one.metrics] == measured


@pytest.mark.slow
def test_saves_every_period_and_at_the_end(tiny, tmp_path):
    results, end = train(tiny(SOLVER__CHECKPOINT_PERIOD=2), tmp_path, protocol=api.Protocol.TEST)
    assert [one.epoch for one in results if one.checkpoint] == [2, 3]
    assert end.checkpoint == results[-1].checkpoint


@pytest.mark.slow
def test_an_epoch_better_than_all_before_is_saved_between_two_periods(tiny, tmp_path):
    told = []
    results, end = train(tiny(SOLVER__CHECKPOINT_PERIOD=20), tmp_path, log=told.append)
    values = [one.metrics["mAP"] for one in results]
    better = [epoch for epoch, value in enumerate(values, start=1) if value > max(values[: epoch - 1], default=-1)]
    assert [one.epoch for one in results if one.checkpoint] == sorted({*better, 3})
    assert load(end.checkpoint.path).best == (better[-1], max(values))
    assert better[-1] in checkpoints(tmp_path)
    assert load(end.best).epoch == better[-1]
    assert told[-1] == f"best on the validation split: epoch {better[-1]}, mAP {max(values):.3f}"


@pytest.mark.slow
def test_a_run_asked_to_stop_saves_the_epoch_and_says_so(tiny, tmp_path):
    asked = []

    def stop():
        asked.append(True)
        return len(asked) == 2

    results, end = train(tiny(SOLVER__CHECKPOINT_PERIOD=20), tmp_path, should_stop=stop)
    assert [one.epoch for one in results] == [1, 2]
    assert (end.epoch, end.stopped) == (2, True)
    assert load(end.checkpoint.path).epoch == 2


@pytest.mark.slow
def test_a_run_at_its_end_is_not_stopped_even_when_asked(tiny, tmp_path):
    _, end = train(tiny(), tmp_path, to_epoch=1, should_stop=lambda: True)
    assert not end.stopped


@pytest.mark.slow
def test_the_newest_two_the_best_and_the_first_of_the_segment_stay(tiny, tmp_path):
    config = tiny(SOLVER__MAX_EPOCH=7)
    _, rest = train(config, tmp_path, to_epoch=2)
    results, end = train(config, tmp_path, checkpoint=rest.checkpoint)
    best = load(end.checkpoint.path).best
    assert best is not None
    assert set(checkpoints(tmp_path)) == {2, 6, 7, best[0]}
    history = {one.epoch: one.metrics["mAP"] for one in results}
    assert best[1] >= max(history.values())


@pytest.mark.slow
def test_no_epoch_is_chosen_on_the_test_split(tiny, tmp_path):
    _, end = train(tiny(), tmp_path, protocol=api.Protocol.TEST)
    assert load(end.checkpoint.path).best is None
    assert end.best is None
    assert list(checkpoints(tmp_path)) == [2, 3]


@pytest.mark.slow
def test_a_loss_that_is_not_finite_names_the_moment_and_the_images(tiny, tmp_path, monkeypatch):
    real = trainer_module.Trainer.step
    calls = []

    def poisoned(self, batch):
        calls.append(batch)
        losses = real(self, batch)
        return losses | {"loss_cls": math.nan} if len(calls) == 5 else losses

    monkeypatch.setattr(trainer_module.Trainer, "step", poisoned)
    with pytest.raises(TrainingDiverged, match=r"epoch 2, iteration 4 \(.*loss_cls nan.*images of the batch") as caught:
        train(tiny(), tmp_path)
    error = caught.value
    assert (error.epoch, error.iteration) == (2, 4)
    assert len(error.files) == 8
    assert error.files[0] in str(error)
    assert list(checkpoints(tmp_path)) == [1]


def test_a_learning_rate_out_of_hand_diverges_and_leaves_no_broken_checkpoint(tiny, tmp_path):
    wild = tiny(SOLVER__OPT="SGD", SOLVER__BASE_LR=100.0, SOLVER__WARMUP_EPOCHS=0.0, SOLVER__WARMUP_ITERS=0)
    with pytest.raises(TrainingDiverged) as caught:
        train(wild, tmp_path, to_epoch=3)
    assert caught.value.epoch >= 1
    for path in checkpoints(tmp_path).values():
        assert all(value.isfinite().all() for value in load(path).model.values())


@pytest.mark.slow
def test_weights_that_break_in_the_last_step_are_found_before_they_are_measured(tiny, tmp_path, monkeypatch):
    real = trainer_module.Trainer.step
    steps = []

    def broken(self, batch):
        steps.append(batch)
        losses = real(self, batch)
        if len(steps) == 3:  # the last of the epoch: no later loss can show it
            with torch.no_grad():
                self.model.heads.weight[0, 0] = math.inf
        return losses

    monkeypatch.setattr(trainer_module.Trainer, "step", broken)
    with pytest.raises(TrainingDiverged, match=r"heads\.weight of the model is not finite at the end of epoch 1"):
        train(tiny(), tmp_path)
    assert len(steps) == 3
    assert checkpoints(tmp_path) == {}


@pytest.mark.parametrize("message", ["DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes", "other"])
def test_running_out_of_memory_is_its_own_kind(tiny, tmp_path, monkeypatch, message):
    def step(*_):
        raise RuntimeError(message)

    monkeypatch.setattr(trainer_module.Trainer, "step", step)
    with pytest.raises(RuntimeError if message == "other" else MemoryError, match=message):
        train(tiny(), tmp_path)


@pytest.mark.slow
def test_layers_at_rest_do_not_move_until_the_freeze_ends(tiny, tmp_path):
    config = tiny(MODEL__FREEZE_LAYERS=["backbone"], SOLVER__FREEZE_ITERS=6)
    train(config, tmp_path)
    _, second = train(config, tmp_path / "second", to_epoch=2)
    _, first = train(config, tmp_path / "first", to_epoch=1)
    before, after = load(first.checkpoint.path).model, load(second.checkpoint.path).model
    weights = [name for name in before if name.startswith("backbone") and name.endswith("weight")]
    assert all(torch.equal(before[name], after[name]) for name in weights)
    assert not torch.equal(before["heads.weight"], after["heads.weight"])
    third = load(tmp_path / "epoch-0003.pt").model
    assert any(not torch.equal(after[name], third[name]) for name in weights)


def test_a_gpu_that_is_not_there_is_a_configuration_error(tiny, tmp_path):
    with pytest.raises(ConfigError, match=r"MODEL.DEVICE is cuda:63, but this machine shows"):
        train(tiny(MODEL__DEVICE="cuda:63"), tmp_path)


@pytest.mark.parametrize("to_epoch", [0, 4])
def test_an_epoch_outside_the_schedule_is_refused(tiny, tmp_path, to_epoch):
    with pytest.raises(ValueError, match=f"to_epoch is {to_epoch}"):
        train(tiny(), tmp_path, to_epoch=to_epoch)
