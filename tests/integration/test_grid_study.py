"""Grids as studies: rows with seeds through controller and trials, a crash at every event, and real training."""

from __future__ import annotations

import pytest
from trials.spaces import TINY
from trials.studies import controller

from orchestrator.backends.inline import InlineBackend
from orchestrator.events import StudyCreated, StudyStatus, TrialStatus
from orchestrator.search import full_runs
from orchestrator.service.run import open_run
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest
from orchestrator.store import MemoryStore
from reid_core.api import Protocol
from reid_core.errors import InvalidInput, SpaceError, UsageError
from search_spaces.model import Search, Space
from search_spaces.rows import Row

SEED_TRIAL = "trials.seeds:SeedTrial"
SPACE = Space(
    name="rows",
    search=Search(algorithm="grid", seeds=2),
    rows=(Row(name="plain", set={"A": 0}), Row(name="+ a", set={"A": 1})),
)


class Crash(BaseException):
    """No Exception: a backend makes a result of those."""


def created(protocol: Protocol = Protocol.VALIDATION) -> StudyCreated:
    return StudyCreated(
        study="g", name="g", space=SPACE, base={"A": 9}, plan=full_runs(3, 3, 4), seed=7, algorithm="grid",
        backend="inline", workers=1, protocol=protocol,
    )  # fmt: skip


def run(store, folder, observer=None):
    return controller(store, "g", folder, InlineBackend(SEED_TRIAL), observer=observer).run()


def told(state) -> list[tuple]:
    return [
        (trial.id, trial.row, trial.seed, trial.reason, dict(trial.history))
        for _, trial in sorted(state.trials.items())
    ]


def test_every_row_trains_in_full_with_every_seed(tmp_path):
    store = MemoryStore()
    store.create_study(created(), 0.0)
    state = run(store, tmp_path)
    assert state.status is StudyStatus.COMPLETED
    assert {trial.status for trial in state.trials.values()} == {TrialStatus.COMPLETED}
    assert [(trial.row, trial.seed, round(trial.metrics["mAP"], 3)) for trial in state.trials.values()] == [
        ("plain", 7, 0.073), ("+ a", 7, 0.173), ("plain", 8, 0.083), ("+ a", 8, 0.183),
    ]  # fmt: skip
    assert state.epochs_spent == state.created.plan.epochs == 12


def test_a_controller_that_dies_at_any_event_is_continued_to_the_same_study(tmp_path):
    store = MemoryStore()
    store.create_study(created(), 0.0)
    whole = run(store, tmp_path / "whole")
    for last in range(2, whole.seq):
        store = MemoryStore()
        store.create_study(created(), 0.0)

        def die(logged, _state, last=last):
            if logged.seq >= last:
                raise Crash

        with pytest.raises(Crash):
            run(store, tmp_path / str(last), die)
        assert told(run(store, tmp_path / str(last))) == told(whole)


def test_the_protocol_of_the_study_reaches_its_trials(tmp_path):
    for protocol in Protocol:
        store = MemoryStore()
        store.create_study(created(protocol), 0.0)
        state = run(store, tmp_path / protocol)
        assert {trial.metrics["test"] for trial in state.trials.values()} == {float(protocol is Protocol.TEST)}


ABLATION = (
    """\
name: small
recipe: demo
resources: {cpus: 1, gpus: 0}
budget: {max_epochs: 2}
search: {seeds: 2}
"""
    + TINY
    + """\
rows:
  - {name: baseline, set: {MODEL.HEADS.WITH_BNNECK: no}, published: {Market-1501: {mAP: 74.0}}}
  - {name: + BNNeck, set: {MODEL.HEADS.WITH_BNNECK: yes}}
published: [{name: Market-1501, source: Luo et al. 2019}]
"""
)


@pytest.fixture
def service(home):
    service = Service(home)
    yield service
    service.close()


def ablation(study: str, **changes) -> StudyRequest:
    return StudyRequest(**({"space": ABLATION, "backend": "inline", "name": study} | changes))


def trained(service, study: str, **changes):
    service.create(ablation(study, **changes))
    with open_run(service, study, track=False) as handle:
        assert handle.run().status is StudyStatus.COMPLETED
    return service.report(study)


def test_an_ablation_trains_reports_and_is_the_same_again(service):
    report = trained(service, "first", seed=3)
    assert [(row.name, row.trials) for row in report.rows] == [("baseline", 2), ("+ BNNeck", 2)]
    assert report.rows[1].gains["mAP"].count == 2
    curves = [trial.metrics["loss"] for trial in service.trials("first")]
    assert len(set(curves)) == 4  # rows differ, and so do the repetitions of a row
    again = trained(service, "again", seed=3)
    assert again.rows == report.rows
    assert service.study("first").command == service.study("again").command.replace("again", "first")


def test_an_ablation_on_the_test_split_measures_it_once(service):
    report = trained(service, "tested", protocol=Protocol.TEST, seeds=1)
    assert report.protocol is Protocol.TEST
    assert "test 8 queries x 16 gallery" in report.data
    trial = service.trial("tested", 1)
    assert trial.curves["mAP"][0] is None
    assert trial.curves["mAP"][1] == report.rows[0].metrics["mAP"].mean
    with pytest.raises(UsageError, match="nothing may be chosen"):
        service.winner("tested")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm": "bohb"}, "bohb has nothing to search"),
        ({"trials": 3}, r"4 trials \(2 rows x 2 seeds\), not 3.*leave --trials out"),
        ({"space": "bnneck", "seeds": 3}, "leave --seeds out"),
        ({"space": "bnneck", "protocol": "test"}, "may not see the test split"),
        ({"space": "bnneck", "algorithm": "grid"}, r"SOLVER.BASE_LR has no finite list(.|\n)*WARMUP_EPOCHS"),
    ],
)
def test_requests_that_no_grid_can_meet_are_refused(service, changes, message):
    with pytest.raises((InvalidInput, SpaceError), match=message):
        service.create(ablation("bad", **changes))


def test_a_grid_over_choices_is_planned_from_the_space(service):
    text = "recipe: demo\nparameters:\n  SOLVER.OPT: {type: choice, values: [Adam, SGD]}\n"
    view = service.plan(StudyRequest(space=text, algorithm="grid", seeds=3, max_epochs=5, min_epochs=2))
    assert (view.plan.trials, view.plan.epochs, view.seeds) == (6, 30, 3)
    assert any("--min-epochs has no effect" in warning for warning in view.warnings)
