"""What a study tries first: the default, what a person enqueued, the best of earlier studies, the space's priors."""

from __future__ import annotations

from orchestrator.events import EarlierResult, Origin
from orchestrator.search import make_algorithm, make_plan
from orchestrator.search.cube import Cube
from search_spaces.model import Float, Goal, Objective, Space

SPACE = Space(name="s", parameters={"LR": Float(low=0.0, high=1.0, prior=0.7)})


def earlier(study: str, value: float, epoch: int, metric: float, name: str = "mAP") -> EarlierResult:
    return EarlierResult(study=study, values={"LR": value}, epoch=epoch, metrics={name: metric})


def opening(**options) -> list[tuple[float, Origin]]:
    space = options.pop("space", SPACE)
    return [(one.values["LR"], one.origin) for one in Cube(space, {"LR": 0.2}, **options).opening]


def test_enqueued_come_after_the_default_and_before_the_prior():
    enqueued = [{"LR": 0.3}, {"LR": 0.1}]
    assert opening(enqueued=enqueued) == [
        (0.2, Origin.DEFAULT),
        (0.3, Origin.USER),
        (0.1, Origin.USER),
        (0.7, Origin.PRIOR),
    ]


def test_a_configuration_is_tried_once_however_often_it_is_named():
    assert opening(enqueued=[{"LR": 0.2}, {"LR": 0.7}]) == [(0.2, Origin.DEFAULT), (0.7, Origin.USER)]


def test_the_best_of_each_earlier_study_that_got_furthest_is_tried():
    results = [
        earlier("a", 0.4, 3, 0.9),
        earlier("a", 0.5, 9, 0.6),
        earlier("a", 0.6, 9, 0.5),
        earlier("b", 0.9, 3, 0.1),
    ]
    assert opening(earlier=results)[1:3] == [(0.5, Origin.PRIOR), (0.9, Origin.PRIOR)]
    reason = Cube(SPACE, {"LR": 0.2}, earlier=results).opening[1].reason
    assert reason == "the best configuration of study a: mAP 0.600 at what is epoch 9 here"


def test_the_best_has_the_lowest_value_where_less_is_better():
    space = SPACE.model_copy(update={"objective": (Objective(metric="loss", goal=Goal.MINIMIZE),)})
    results = [earlier("a", 0.4, 9, 2.0, "loss"), earlier("a", 0.5, 9, 1.0, "loss")]
    assert opening(space=space, earlier=results)[1] == (0.5, Origin.PRIOR)


def test_a_study_asks_for_its_enqueued_configurations(created, state, trial):
    first = created(make_plan(9, 1, 3, 12), "random", {"LR": 0.2}, space=SPACE)
    algorithm = make_algorithm(first.model_copy(update={"enqueued": ({"LR": 0.3},)}))
    move = algorithm.next(state(trial(0, to_epoch=1, values={"LR": 0.2})))
    assert (move.values, move.origin, move.reason) == ({"LR": 0.3}, Origin.USER, "enqueued: number 1 of 1")
