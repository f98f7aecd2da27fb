"""What a space may name follows the task of its recipe; a stored space keeps its measures."""

from __future__ import annotations

import json

import pytest

from reid_core.config.availability import CHOICES, Choices
from reid_core.errors import SpaceError
from reid_core.tasks import cards as tasks
from reid_core.tasks.card import Measure, TaskCard
from search_spaces.describe import diff, to_yaml
from search_spaces.load import load_space
from search_spaces.measures import Measures, any_measures, measures_of
from search_spaces.model import Float, Goal, Space, lower_is_better
from search_spaces.names import short_names

COUNTING = TaskCard(
    "counting",
    "count",
    "nowhere:Task",
    {"exact": Measure("exact count"), "miscount": Measure("mean error", fraction=False, lower_is_better=True)},
    best="exact",
)
HEAD = "recipe: bnneck\nfixed: {TASK.NAME: counting}\n"
TAIL = "parameters:\n  SOLVER.BASE_LR: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}\n"


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(tasks, "_SHIPPED", (*tasks._SHIPPED, COUNTING))
    monkeypatch.setitem(CHOICES, "TASK.NAME", Choices(("reid", "counting")))
    tasks.cards.cache_clear()
    yield
    tasks.cards.cache_clear()


def findings(text):
    with pytest.raises(SpaceError) as caught:
        load_space(text)
    return caught.value.findings


@pytest.mark.usefixtures("counting")
def test_without_an_objective_the_task_says_what_is_best():
    space = load_space(HEAD + TAIL).space
    assert (space.objective[0].metric, space.objective[0].goal) == ("exact", Goal.MAXIMIZE)
    assert space.measures.shown == ("exact",)
    assert load_space(HEAD.replace("counting", "reid") + TAIL).space.objective[0].metric == "mAP"


@pytest.mark.usefixtures("counting")
def test_an_error_of_the_task_is_minimised():
    assert load_space(HEAD + "objective: miscount\n" + TAIL).space.objective[0].goal is Goal.MINIMIZE
    assert "miscount" in lower_is_better(load_space(HEAD + TAIL).space.objective, measures_of("counting"))


@pytest.mark.usefixtures("counting")
@pytest.mark.parametrize(
    ("metric", "goal", "right"), [("miscount", "maximize", "minimize"), ("exact", "minimize", "maximize")]
)
def test_an_objective_against_its_measures_direction_is_refused(metric, goal, right):
    (found,) = findings(HEAD + f"objective: {{metric: {metric}, goal: {goal}}}\n" + TAIL)
    assert (found.code, found.line) == ("objective-against-goal", 3)
    assert f"goal: {right}" in found.hint


@pytest.mark.usefixtures("counting")
def test_a_constraint_on_another_tasks_metric_says_what_the_task_reports():
    (found,) = findings(HEAD + 'constraints: ["mAP >= 0.5"]\n' + TAIL)
    assert found.code == "unknown-metric"
    assert "a trial of the task counting" in found.message
    assert "exact, miscount" in found.hint


@pytest.mark.usefixtures("counting")
def test_a_metric_of_another_task_is_refused_with_those_that_there_are():
    (found,) = findings(HEAD + "objective: rank1\n" + TAIL)
    assert (found.code, found.line, found.col) == ("unknown-metric", 3, 1)
    assert "a trial of the task counting" in found.message
    assert "there are exact, miscount, loss, latency_ms" in found.hint
    assert findings("recipe: bnneck\nobjective: miscount\n" + TAIL)[0].code == "unknown-metric"


@pytest.mark.slow
@pytest.mark.usefixtures("counting")
def test_targets_and_constraints_know_which_metrics_are_fractions():
    space = load_space(HEAD + "constraints: [miscount <= 3, exact >= 0.5]\nbudget: {target: miscount <= 2}\n" + TAIL)
    assert space.space.outcome_constraints == ("miscount <= 3", "exact >= 0.5")
    assert space.space.configuration_constraints == ()
    codes = {found.code for found in findings(HEAD + "constraints: [exact >= 50]\n" + TAIL)}
    assert codes == {"out-of-range"}
    assert findings(HEAD + "budget: {target: exact >= 50}\n" + TAIL)[0].code == "out-of-range"
    assert findings(HEAD + "budget: {target: miscount >= 2}\n" + TAIL)[0].code == "target-against-goal"


@pytest.mark.usefixtures("counting")
def test_an_option_may_name_the_task():
    space = load_space("recipe: bnneck\n" + TAIL, overrides={"TASK.NAME": "counting"}).space
    assert space.measures == measures_of("counting")


def test_a_file_cannot_bring_measures_of_its_own():
    (found,) = findings("recipe: bnneck\nmeasures: {task: reid}\n" + TAIL)
    assert found.code == "unknown-key"
    assert "measures" not in to_yaml(load_space("recipe: bnneck\n" + TAIL).space)


def test_a_faulty_recipe_is_not_followed_by_faults_of_metrics():
    codes = [found.code for found in findings("recipe: bnnecks\nobjective: recall1\n" + TAIL)]
    assert codes == ["unknown-recipe"]
    assert {"mAP", "recall1"} <= set(any_measures().names)


def test_a_space_stored_before_there_were_tasks_is_one_of_reid():
    plain = json.loads(Space(name="old", parameters={"lr": Float(low=0.0, high=1.0)}).model_dump_json())
    del plain["measures"]
    assert Space.model_validate(plain).measures == measures_of("reid")


def test_a_stored_space_opens_when_its_task_is_not_installed():
    space = Space(
        name="gone",
        parameters={"lr": Float(low=0.0, high=1.0)},
        constraints=("miscount <= 3",),
        measures=Measures.of_card(COUNTING),
    )
    again = Space.model_validate_json(space.model_dump_json())
    assert again == space
    assert again.outcome_constraints == ("miscount <= 3",)
    assert not diff(space, again)


def test_measures_tell_titles_units_and_prefixes():
    measures = measures_of("reid")
    assert measures.text(0.9312, "rank1") == "93.1"
    assert measures.percent(0.9312, "rank1") == "93.1 %"
    assert (measures.label("rank1"), measures.title("rank1")) == ("rank-1, %", "rank-1")
    assert measures.label("market/plain_mAP") == "market plain mAP, %"
    assert measures.text(0.5, "tpr_at_fpr_1e-4") == "50.0"
    assert (measures.text(2_230_000, "flops"), measures.label("flops")) == ("2.23 M", "multiply-adds")
    assert (measures.text(4.123, "latency_ms"), measures.text(1.0, "loss")) == ("4.12", "1.000")
    assert measures.text(123.456, "images") == "123.5"
    assert (measures.text(None, "mAP"), measures.percent(None, "mAP")) == ("-", "-")
    assert measures.unbounded == {"loss", "latency_ms", "parameters", "flops"} == measures.lower


def test_a_measure_that_no_trial_has_gets_no_column():
    face = measures_of("face")
    assert face.shown == ("accuracy", "auc", "tpr_at_fpr_1e-3")
    assert face.columns([{}, {"loss": 1.0}]) == list(face.shown)
    assert face.columns([{}, {"accuracy": 0.8, "auc": 0.9}]) == ["accuracy", "auc"]
    assert face.columns([{"accuracy": 0.8}, {"tpr_at_fpr_1e-3": 0.1}]) == ["accuracy", "tpr_at_fpr_1e-3"]


def test_short_names_are_as_long_as_it_takes_to_tell_keys_apart():
    keys = ("KD.LOGITS.SCALE", "KD.OVERHAUL.SCALE", "SOLVER.BASE_LR")
    assert list(short_names(keys).values()) == ["LOGITS.SCALE", "OVERHAUL.SCALE", "BASE_LR"]
