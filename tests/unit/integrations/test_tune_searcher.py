"""The Searcher without Tune: the algorithm's own suggestions, limits, failures, and a log that can be taken up."""

from __future__ import annotations

import copy
import pickle

import pytest
from ray import tune
from ray.tune.search import ConcurrencyLimiter, Searcher

from orchestrator.events import (
    EpochReported,
    Logged,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyState,
    TrialStatus,
)
from orchestrator.integrations.ray_tune import ReidTuneScheduler, ReidTuneSearch
from orchestrator.search import make_algorithm
from reid_core.config import from_values, load_config
from reid_core.errors import SpaceError, UsageError

SPACE = {"x": tune.uniform(0.0, 1.0), "n": tune.randint(1, 9), "kind": tune.choice(["a", "b"])}


def value(config, epoch):
    return (config["n"] / 9 - abs(config["x"] - 0.5) + (config["kind"] == "b")) * (1 - 0.5**epoch)


def make(**options):
    given = {"metric": "score", "mode": "max", "max_epochs": 3, "trials": 10, "seed": 5, **options}
    return ReidTuneSearch(SPACE, **given)


def play(search, names):
    """Two trials at a time, the older one ends first; returns the configurations in their order."""
    running, configurations = [], {}
    for name in names:
        config = search.suggest(name)
        assert isinstance(config, dict)
        configurations[name] = config
        running.append(name)
        if len(running) == 2:
            finish(search, running.pop(0), configurations)
    while running:
        finish(search, running.pop(0), configurations)
    return list(configurations.values())


def finish(search, name, configurations):
    result = {}
    for epoch in (1, 2, 3):
        result = {"training_iteration": epoch, "score": value(configurations[name], epoch), "time_total_s": 1.0}
        search.on_trial_result(name, result)
    search.on_trial_complete(name, result)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["freeze-thaw", "bohb", "random", "tpe"])
def test_suggestions_are_the_algorithms_own(algorithm):
    search = make(algorithm=algorithm)
    suggested = play(search, [f"t{number}" for number in range(10)])
    state, expected = StudyState(), []
    created = search.study.created
    chooser = make_algorithm(created)

    def log(event):
        state.apply(Logged(state.seq + 1, 0.0, event))

    def over(trial):
        for epoch in (1, 2, 3):
            score = {"score": value(expected[trial], epoch)}
            log(EpochReported(trial=trial, segment=trial + 1, epoch=epoch, metrics=score))
        log(SegmentEnded(segment=trial + 1, trial=trial, outcome=OutcomeKind.COMPLETED))

    log(created)
    for trial in range(10):
        move = chooser.next(state)
        expected.append(move.values)
        log(move.suggested(trial))
        log(SegmentStarted(segment=trial + 1, trial=trial, from_epoch=0, to_epoch=move.to_epoch))
        if trial:
            over(trial - 1)
    over(9)
    assert suggested == expected
    assert search.suggest("one more") == Searcher.FINISHED


def test_saved_copied_and_pickled_search_goes_on_as_the_one_it_came_from(tmp_path):
    names = [f"t{number}" for number in range(6)]
    search = make()
    play(search, names[:4])
    search.save(str(tmp_path / "state.pkl"))
    restored = ReidTuneSearch()
    restored.restore(str(tmp_path / "state.pkl"))
    assert (restored.metric, restored.mode) == ("score", "max")
    alike = [pickle.loads(pickle.dumps(search)), copy.deepcopy(search), restored, search]  # the Tuner does all of it
    then = [play(one, names[4:]) for one in alike]
    assert then[0] == then[1] == then[2] == then[3]
    assert restored.study.to_text() == alike[0].study.to_text()


def test_limit_counts_what_runs():
    search = make()
    limited = ConcurrencyLimiter(search, max_concurrent=2)  # what TuneConfig's max_concurrent_trials makes
    assert isinstance(limited.suggest("a"), dict)
    assert isinstance(limited.suggest("b"), dict)
    assert limited.suggest("c") is None
    search.on_trial_complete("a", {"training_iteration": 3, "score": 1.0})
    assert isinstance(limited.suggest("c"), dict)


def test_failed_trial_counts_as_worst_and_one_that_stopped_early_keeps_what_it_reported():
    search = make(trials=3)
    search.suggest("a")
    search.on_trial_complete("a", error=True)
    search.suggest("b")
    search.on_trial_complete("b", {"training_iteration": 2, "score": 0.5})
    failed, stopped = search.study.state.trials.values()
    assert failed.status is TrialStatus.FAILED
    assert stopped.status is TrialStatus.STOPPED
    assert stopped.history == {2: {"score": 0.5}}
    search.on_trial_complete("nobody's", {"training_iteration": 2, "score": 0.5})
    assert len(search.study.state.trials) == 2


def test_space_of_this_project_gives_its_own_keys_and_objective():
    search = ReidTuneSearch("sbs", trials=4)
    assert (search.metric, search.mode) == ("mAP", "max")
    assert search.set_search_properties(None, None, {"data": "x"}) is False
    config = search.suggest("a")
    assert config["SOLVER.ETA_MIN_LR"] == pytest.approx(0.002 * config["SOLVER.BASE_LR"]), "tied keys are part of it"
    from_values(load_config("sbs", config).values)
    assert search.study.created.plan.rungs == (60,)
    assert config == {key: search.study.created.base[key] for key in config}, "the recipe comes first"


def test_metric_mode_and_space_may_come_from_the_tuner():
    search = ReidTuneSearch(max_epochs=2)
    assert search.set_search_properties("loss", "min", SPACE) is True
    assert (search.metric, search.mode) == ("loss", "min")
    assert set(search.suggest("a")) == set(SPACE)


def test_several_objectives_are_searched_at_once():
    search = make(metric=["score", "latency"], mode=["max", "min"], algorithm="nsga2")
    search.suggest("a")
    search.on_trial_complete("a", {"training_iteration": 3, "score": 1.0, "latency": 2.0})
    assert search.study.state.trials[1].metrics == {"score": 1.0, "latency": 2.0}


def test_points_to_evaluate_come_first_and_are_checked():
    points = [{"x": 0.25, "n": 3, "kind": "b"}, {"x": 0.75, "n": 1, "kind": "a"}]
    search = make(points_to_evaluate=points)
    assert [search.suggest("a"), search.suggest("b")] == points
    with pytest.raises(SpaceError, match=r"x: 2\.0 is outside"):
        make(points_to_evaluate=[{**points[0], "x": 2.0}]).suggest("a")


def test_scheduler_gives_the_search_its_rungs():
    search = make(max_epochs=9)
    ReidTuneScheduler(search)
    assert search.study.created.plan.rungs == (1, 3, 9)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"algorithm": "pbt"}, UsageError, "not an algorithm for Ray Tune"),
        ({"mode": "best"}, UsageError, "max"),
        ({"metric": None}, UsageError, "needs a metric"),
        ({"max_epochs": None}, SpaceError, "max_epochs"),
        ({"algorithm": "bobh"}, UsageError, "there are (.|\n)*bohb"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, says):
    with pytest.raises(error, match=says):
        make(**options).suggest("a")
