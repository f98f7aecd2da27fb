"""Ray Tune runs the search: trials rest at rungs, go on from their checkpoints, and an interrupted run is taken up."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path

import pytest

from orchestrator.events import TrialStatus

pytestmark = pytest.mark.slow

RUNGS = (1, 3, 9)


def curve(config, epoch):
    """Best near x = 0.3 and kind b, and slowly so."""
    level = 1.0 - (config["x"] - 0.3) ** 2 - (0.0 if config["kind"] == "b" else 0.3)
    return level * (1.0 - math.exp(-epoch / 4.0))


def trainable(config):
    """Each epoch is reported with a checkpoint that holds every epoch trained so far, by whatever process."""
    from ray import tune

    done = []
    kept = tune.get_checkpoint()
    if kept is not None:
        with kept.as_directory() as folder:
            done = json.loads((Path(folder) / "done.json").read_text())
    for epoch in range(len(done) + 1, RUNGS[-1] + 1):
        if epoch == config.get("fails_at"):
            raise RuntimeError("as asked for")
        done.append(epoch)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "done.json").write_text(json.dumps(done))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"score": curve(config, epoch), "done_epochs": done}, checkpoint=checkpoint)


@pytest.fixture(scope="module")
def _ray():
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def run(folder, search, scheduler=None, **options):
    from ray import tune

    param_space = {"x": tune.uniform(0.0, 1.0), "kind": tune.choice(["a", "b"]), **options.pop("constants", {})}
    return tune.Tuner(
        trainable,
        param_space=param_space,
        tune_config=tune.TuneConfig(search_alg=search, scheduler=scheduler, num_samples=search.trials, **options),
        run_config=tune.RunConfig(storage_path=str(folder), name="study", verbose=0),
    ).fit()


def make(**options):
    from orchestrator.integrations.ray_tune import ReidTuneScheduler, ReidTuneSearch

    search = ReidTuneSearch(metric="score", mode="max", max_epochs=9, min_epochs=1, **options)
    return search, ReidTuneScheduler(search)


@pytest.mark.usefixtures("_ray")
def test_trials_rest_at_rungs_and_go_on_from_their_checkpoints(tmp_path):
    search, scheduler = make(trials=4)
    results = run(tmp_path, search, scheduler, max_concurrent_trials=2)
    study, plan = search.study, search.study.created.plan
    assert plan.rungs == RUNGS
    assert len(results) == len(study.state.trials) == 4
    assert not results.errors
    assert study.state.epochs_spent <= plan.epochs < 4 * 9
    assert study.over
    for result in results:
        epochs = result.metrics["done_epochs"]
        assert epochs == list(range(1, len(epochs) + 1)), "no epoch is lost or trained twice"
        assert len(epochs) in RUNGS
    reached = sorted(len(result.metrics["done_epochs"]) for result in results)
    assert reached[0] == 1
    assert reached[-1] == 9
    assert sum(reached) == study.state.epochs_spent
    best = results.get_best_result("score", "max")
    assert best.metrics["training_iteration"] == 9


@pytest.mark.usefixtures("_ray")
def test_searcher_alone_trains_every_trial_in_full_and_a_failed_one_counts_as_worst(tmp_path):
    from orchestrator.integrations.ray_tune import ReidTuneSearch

    search = ReidTuneSearch(metric="score", mode="max", max_epochs=9, trials=2, max_concurrent=1)
    results = run(tmp_path, search)
    assert [result.metrics["training_iteration"] for result in results] == [9, 9]
    assert {trial.status for trial in search.study.state.trials.values()} == {TrialStatus.COMPLETED}
    failing = ReidTuneSearch(metric="score", mode="max", max_epochs=9, trials=1, max_concurrent=1)
    run(tmp_path / "failing", failing, constants={"fails_at": 3})
    assert {trial.status for trial in failing.study.state.trials.values()} == {TrialStatus.FAILED}
    assert all(sorted(trial.history) == [1, 2] for trial in failing.study.state.trials.values())


@pytest.mark.usefixtures("_ray")
def test_interrupted_run_is_restored_where_it_stood(tmp_path):
    from ray import tune
    from ray.tune import Callback, TuneError

    class Interrupts(Callback):
        """Breaks the driver once, after some results, as a crash would."""

        def __init__(self):
            self.left = 7

        def on_trial_result(self, **_):
            self.left -= 1
            if not self.left and not (tmp_path / "broken").exists():
                (tmp_path / "broken").touch()
                raise RuntimeError("broken once")

    search, scheduler = make(trials=4, max_concurrent=2)
    tuner = tune.Tuner(
        trainable,
        param_space={"x": tune.uniform(0.0, 1.0), "kind": tune.choice(["a", "b"])},
        tune_config=tune.TuneConfig(search_alg=search, scheduler=scheduler, num_samples=4),
        run_config=tune.RunConfig(storage_path=str(tmp_path), name="study", verbose=0, callbacks=[Interrupts()]),
    )
    with pytest.raises(TuneError, match="broken once"):
        tuner.fit()
    results = tune.Tuner.restore(str(tmp_path / "study"), trainable, resume_errored=True).fit()
    assert not results.errors
    assert len(results) == 4
    for result in results:
        epochs = result.metrics["done_epochs"]
        assert epochs == list(range(1, len(epochs) + 1))
        assert len(epochs) in RUNGS


def started(study):
    events = [json.loads(line) for line in study.to_text().splitlines()[1:]]
    segments = [event for event in events if event["kind"] == "segment_started"]
    return [(event["trial"], event["from_epoch"], event["to_epoch"], event["reason"]) for event in segments]


@pytest.mark.usefixtures("_ray")
def test_moves_under_tune_are_those_of_the_algorithm(tmp_path):
    from orchestrator.integrations.tune_study import TuneStudy
    from orchestrator.search import NewTrial

    search, scheduler = make(algorithm="bohb", trials=4, max_concurrent=1, seed=3)
    run(tmp_path, search, scheduler)
    alone = TuneStudy(search.study.created)
    while (move := alone.ask()) is not None:
        name = str(len(alone.state.trials)) if isinstance(move, NewTrial) else alone.advance(move)
        if isinstance(move, NewTrial):
            alone.open(move, name)
        trial = alone.trial(name)
        for epoch in range(trial.epoch + 1, trial.to_epoch + 1):
            alone.report(name, epoch, {"score": curve(trial.values, epoch)})
        alone.rest(name)
    assert started(search.study) == started(alone)
    assert [trial.values for trial in search.study.state.trials.values()] == [
        trial.values for trial in alone.state.trials.values()
    ]
