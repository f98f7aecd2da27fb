"""Tables in a narrow terminal: what does not fit follows below, and every number is shown in full."""

from __future__ import annotations

import io

import pytest

from orchestrator.cli import plan as plan_module
from orchestrator.cli.live import trials_table
from orchestrator.cli.output import table
from orchestrator.cli.plan import print_plan
from orchestrator.cli.report import _print_comparison
from orchestrator.cli.stacked import pieces
from orchestrator.cli.terminal import Terminal
from orchestrator.events import (
    EpochReported,
    Logged,
    Origin,
    SegmentStarted,
    StudyCreated,
    TrialSuggested,
    fold,
)
from orchestrator.events.plan import Bracket, Plan
from orchestrator.search import full_runs
from orchestrator.service.views import BestView, PlanView
from search_spaces.model import Float, Objective, Space

METRICS = {"mAP": 0.75, "mINP": 0.627, "rank1": 0.802, "rank5": 0.896, "latency_ms": 659.92}


class Studies:
    """The one method of the service that the comparison reads."""

    def __init__(self, state):
        self.known = state

    def state(self, _study):
        return self.known


def shown(what, width: int = 80) -> str:
    out = io.StringIO()
    Terminal(file=out, width=width, highlight=False).print(what)
    assert all(len(line) <= width for line in out.getvalue().splitlines())
    return out.getvalue()


def study(fork_from: int | None = None, objectives=("mAP",)):
    """The default, trained for epochs 1 and 2, and trial 2, a run of its own or a fork of trial 1."""
    wanted = tuple(Objective(metric=name) for name in objectives)
    space = Space(name="s", parameters={"lr": Float(low=0.1, high=1.0)}, objective=wanted)
    events: list = [
        StudyCreated(
            study="s", name="cows", space=space, base={"lr": 0.1}, plan=full_runs(4, 3, 2), seed=4,
            algorithm="pbt", backend="inline", workers=1, data="9 images",
        )
    ]  # fmt: skip
    for trial, epochs in ((1, range(1, 3)), (2, range((fork_from or 0) + 1, 5))):
        forked = {} if trial == 1 or fork_from is None else {"parent": 1, "from_epoch": fork_from}
        origin = Origin.DEFAULT if trial == 1 else Origin.FORK if forked else Origin.RANDOM
        events.append(
            TrialSuggested(trial=trial, values={}, origin=origin, reason="r", bracket=0, to_epoch=epochs[-1], **forked)
        )
        events.append(SegmentStarted(segment=trial, trial=trial, from_epoch=epochs[0] - 1, to_epoch=epochs[-1]))
        events += [
            EpochReported(segment=trial, trial=trial, epoch=epoch, metrics={**METRICS, "mAP": epoch / 10})
            for epoch in epochs
        ]
    return fold(Logged(seq, float(seq), event) for seq, event in enumerate(events, 1))


def comparison(state, **known) -> str:
    best = BestView.model_validate({"trial": 2, "epoch": 4, "metrics": METRICS, **known})
    out = io.StringIO()
    _print_comparison(Terminal(file=out, width=80, highlight=False), Studies(state), "s", best)
    assert all(len(line) <= 80 for line in out.getvalue().splitlines())
    return out.getvalue()


def brackets(monkeypatch, plan: Plan) -> list[str]:
    out = io.StringIO()
    monkeypatch.setattr(plan_module, "console", lambda: Terminal(file=out, width=80, highlight=False))
    view = PlanView(plan=plan, objective=(Objective(metric="mAP"),), algorithm="pbt", parameters=2, workers=1)
    print_plan(view)
    lines = out.getvalue().splitlines()
    return [" ".join(line.split()) for line in lines[2:] if line.strip() and "─" not in line]


def test_columns_that_do_not_fit_follow_behind_the_keys():
    assert pieces([10, 5, 8, 8, 8], keys=2, room=42) == [[0, 1, 2, 3], [0, 1, 4]]
    assert pieces([10, 5], keys=1, room=18) == [[0, 1]]
    assert pieces([10, 50, 50], keys=1, room=20) == [[0, 1], [0, 2]], "a piece has a column besides its keys"


def test_a_table_that_fits_is_one():
    text = shown(table(["name", "value"], [["a", "1"]], right=["value"]))
    assert text == "name   value\n────────────\na          1\n"


@pytest.mark.parametrize("width", [30, 50, 80, 120])
def test_no_number_is_cut_whatever_the_width(width):
    numbers = [f"{first}75.0 ± 11.{first}" for first in range(8)]
    columns = [f"number {at}" for at in range(8)]
    text = shown(table(["name", *columns], [["a trial with a long name", *numbers]], right=columns), width)
    assert all(one in text for one in (*numbers, *columns))


def test_text_that_may_wrap_gives_way_before_columns_are_moved():
    text = shown(table(["trial", "why"], [["1", "many words " * 20]], right=["trial"], fold=["why"]), 40)
    assert text.count("trial") == 1
    assert text.count("many") == 20


def test_the_winner_over_several_seeds_is_shown_in_full():
    text = comparison(study(), runs=3, deviations={"mAP": 0.11, "mINP": 0.125, "rank1": 0.13, "rank5": 0.018})
    for cell in ("75.0 ± 11.0", "62.7 ± 12.5", "80.2 ± 13.0", "89.6 ± 1.8"):
        assert cell in text
    assert text.count("epochs") == 2, "each piece says after how many epochs"


def test_a_winner_with_a_cost_is_shown_in_full():
    text = comparison(study(objectives=("mAP", "latency_ms")))
    assert "latency, ms" in text
    assert "659.92" in text


def test_winner_and_default_are_compared_where_both_were_measured():
    rows = [line.split() for line in comparison(study()).splitlines() if "trial" in line]
    assert [row[-5:-3] for row in rows] == [["2", "20.0"], ["2", "20.0"], ["4", "75.0"]]


def test_a_fork_has_no_row_before_it_forked():
    text = comparison(study(fork_from=2))
    rows = [line.split() for line in text.splitlines() if "trial" in line]
    assert [row[-5:-3] for row in rows] == [["2", "20.0"], ["4", "75.0"]]
    assert "-" not in text.replace("rank-", "")


def test_trials_keep_their_numbers_in_a_narrow_terminal():
    text = shown(trials_table(study(fork_from=2)), 60)
    assert text.count("62.7") == text.count("80.2") == 2
    assert all(word in text for word in ("origin", "rung", "state", "time left", "default"))


def test_a_plan_of_many_rungs_is_shown_in_full(monkeypatch):
    rungs = (2, 3, 5, 7, 8, 10, 11, 13)
    plan = Plan(
        max_epochs=13, min_epochs=2, eta=2, rungs=rungs, brackets=(Bracket(rungs=rungs, sizes=(12,) * len(rungs)),)
    )
    text = " ".join(brackets(monkeypatch, plan))
    assert text.count("12 trials ") >= len(rungs)
    assert all(f"epoch {rung}" in text for rung in rungs)
    assert " 156 " in text


def test_equal_brackets_share_a_line(monkeypatch):
    wide, alone = Bracket(rungs=(1, 3), sizes=(3, 1)), Bracket(rungs=(3,), sizes=(1,))
    plan = Plan(max_epochs=3, min_epochs=1, eta=3, rungs=(1, 3), brackets=(wide, alone, wide, wide))
    assert brackets(monkeypatch, plan)[:3] == [
        "bracket epoch 1 epoch 3 epochs each",
        "1 (x 3) 3 trials 1 trial 5",
        "2 1 trial 3",
    ]


def test_different_brackets_are_numbered(monkeypatch):
    wide, alone = Bracket(rungs=(1, 3), sizes=(3, 1)), Bracket(rungs=(3,), sizes=(1,))
    plan = Plan(max_epochs=3, min_epochs=1, eta=3, rungs=(1, 3), brackets=(wide, alone))
    assert brackets(monkeypatch, plan)[:3] == [
        "bracket epoch 1 epoch 3 epochs",
        "1 3 trials 1 trial 5",
        "2 1 trial 3",
    ]
