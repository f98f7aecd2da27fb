"""Population-based training over real trainings on tiny built-in images, from the request to the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from trials.spaces import TINY

from orchestrator.events import StudyStatus, TrialStatus, fold
from orchestrator.service.retrain import retraining
from orchestrator.service.run import open_run
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest
from reid_core.errors import InvalidInput

SPACE = f"""\
name: population
recipe: bnneck
budget: {{max_epochs: 3, min_epochs: 1, trials: 4}}
search: {{algorithm: pbt}}
resources: {{cpus: 1}}
{TINY}
parameters:
  SOLVER.BASE_LR: {{type: float, low: 1.0e-5, high: 1.0e-1, log: true}}
  INPUT.REA.PROB: {{type: float, low: 0.0, high: 0.8}}
  MODEL.LOSSES.TRI.MARGIN: {{type: float, low: 0.05, high: 0.8}}
  MODEL.HEADS.POOL_LAYER: {{type: choice, values: [GlobalAvgPool, GlobalMaxPool]}}
"""


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", str(tmp_path))
    made = Service(tmp_path)
    yield made
    made.close()


def request(**changes) -> StudyRequest:
    plain = {"space": SPACE, "backend": "inline", "name": "population", "set": {"DATASETS.ROOT": "synthetic"}}
    return StudyRequest(**(plain | changes))


def steps(trial) -> float:
    """Steps that the optimiser in the trial's newest checkpoint has taken."""
    from reid_core.engine.checkpoint import load

    return max(float(one["step"]) for one in load(Path(trial.checkpoint.path)).parts["optimizer"]["state"].values())


@pytest.mark.slow
def test_forks_train_on_from_their_parents_weights_and_say_so_everywhere(service):
    study = service.create(request()).id
    with open_run(service, study, track=False) as handle:
        state = handle.run()
    assert state.status is StudyStatus.COMPLETED, state.reason
    assert state.epochs_spent == 12
    forks = [trial for trial in state.trials.values() if trial.parent is not None]
    assert len(forks) == 2, "one of four on each of two rungs"
    for fork in forks:
        parent = state.trials[fork.parent]
        assert fork.values["MODEL.HEADS.POOL_LAYER"] == parent.values["MODEL.HEADS.POOL_LAYER"]
        assert fork.values["SOLVER.BASE_LR"] != parent.values["SOLVER.BASE_LR"]
        told = service.trial(study, fork.id)
        assert (told.origin, told.parent, told.from_epoch) == ("fork", parent.id, fork.from_epoch)
        assert told.epochs == tuple(range(fork.from_epoch + 1, fork.epoch + 1))
        assert f"goes on from trial {parent.id}" in told.reason
        origin = parent.rung_checkpoints[fork.from_epoch].path
        assert any(line.endswith(f"of another run, from {origin}") for line in service.trial_log(study, fork.id))
    ended = [trial for trial in state.trials.values() if trial.status is TrialStatus.COMPLETED]
    assert len({steps(trial) for trial in ended}) == 1, "the optimiser of a fork has taken its parent's steps too"
    detail = service.study(study)
    assert (detail.trials_started, detail.trials_planned, detail.epochs_spent) == (6, 6, detail.epochs_planned)
    assert fold(service.store.events(study)).epochs_spent == 12
    told: list[str] = []
    again = retraining(service, study, trial=forks[-1].id, epochs=6).train(threads=1, say=told.append)
    assert (again.trial, again.epochs, len(told)) == (forks[-1].id, 6, 6)
    assert again.config["SOLVER.BASE_LR"] == forks[-1].values["SOLVER.BASE_LR"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 3}, "a population of 3 has no best and no worst quarter"),
        ({"max_epochs": 1}, "no rung below the last"),
        ({"trials": None, "epochs": 11}, "a population of 3 has no best and no worst quarter"),
        ({"schedule": "asha"}, "takes no schedule"),
        ({"confirm": 2}, "a configuration with another seed does not repeat it"),
        ({"space": SPACE.replace("search: {algorithm: pbt}", ""), "algorithm": "pbt", "seeds": 2}, "one seed"),
    ],
)
def test_what_a_population_cannot_do_is_refused_before_any_work(service, changes, message):
    with pytest.raises(InvalidInput, match=message):
        service.create(request(**changes))
    assert service.studies() == []


def test_a_space_in_which_nothing_may_change_is_refused_before_any_work(service):
    head, _, _ = SPACE.partition("parameters:")
    fixed = f"{head}parameters:\n  MODEL.HEADS.POOL_LAYER: {{type: choice, values: [GlobalAvgPool, GlobalMaxPool]}}\n"
    with pytest.raises(InvalidInput, match=r"nothing in population may change .* MODEL\.HEADS\.POOL_LAYER"):
        service.create(request(space=fixed))


def test_a_limit_of_epochs_says_how_many_members_there_are(service):
    assert service.draft(request(trials=None, epochs=17)).plan.trials == 5
