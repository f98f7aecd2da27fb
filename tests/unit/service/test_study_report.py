"""The table of a study: means, spreads and paired differences against plain arithmetic; its best trials."""

from __future__ import annotations

import pytest

from orchestrator.cli.markup import latex, markdown
from orchestrator.cli.study_report import sheet_of
from orchestrator.events import (
    EpochReported,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyStatus,
    TrialSuggested,
    fold,
)
from orchestrator.search import full_runs, make_plan
from orchestrator.service.report import report_of
from orchestrator.trial.kinds import FailureKind
from reid_core.api import Protocol
from search_spaces.model import Float, Search, Space, Tied
from search_spaces.names import short_names
from search_spaces.rows import Published, Row

ROWS = Space(
    name="steps",
    description="100 % of_it",
    search=Search(algorithm="grid", seeds=3),
    rows=(
        Row(name="base & co", set={"A": 0}, published={"Market": {"rank1": 87.7, "mAP": 74.0}}),
        Row(name="+ a_1", set={"A": 1}),
        Row(name="+ b", set={"B": 1}, adds_to="base & co"),
    ),
    published=(Published(name="Market", source="Luo_2019"), Published(name="Empty")),
)
MAP = {0: [0.50, 0.60, 0.70], 1: [0.55, 0.63, 0.80], 2: [0.40, None, 0.50]}


def study(space: Space, events: list, *, algorithm: str = "grid", protocol: Protocol = Protocol.VALIDATION, plan=None):
    created = StudyCreated(
        study="s", name="cows", space=space, base={"A": 5, "B": 5, "lr": 0.1}, plan=plan or full_runs(2, 3, 9), seed=4,
        algorithm=algorithm, backend="inline", workers=1, data="9 images", protocol=protocol,
    )  # fmt: skip
    return fold(Logged(seq, float(seq), event) for seq, event in enumerate([created, *events], 1))


def trained(trial: int, mean_ap: float | None, *, row: str = "", seed: int | None = None, epochs: int = 2, **values):
    """A trial that reached mAP after `epochs`; without one, it failed."""
    yield TrialSuggested(
        trial=trial, values=values, origin=Origin.GRID, reason="r", bracket=0, to_epoch=2, row=row, seed=seed
    )
    yield SegmentStarted(segment=trial, trial=trial, from_epoch=0, to_epoch=2)
    if mean_ap is None:
        yield SegmentEnded(
            segment=trial, trial=trial, outcome=OutcomeKind.FAILED, failure=FailureKind.DIVERGED, final=True
        )
        return
    for epoch in range(1, epochs + 1):
        metrics = {"mAP": mean_ap - 0.1 * (epochs - epoch), "rank1": mean_ap + 0.1, "loss": 1.25}
        yield EpochReported(trial=trial, segment=trial, epoch=epoch, metrics=metrics)
    yield SegmentEnded(segment=trial, trial=trial, outcome=OutcomeKind.COMPLETED)


def ablation(**options):
    events = []
    for seed in range(3):
        for place, row in enumerate(ROWS.rows):
            number = 3 * seed + place + 1
            events += trained(number, MAP[place][seed], row=row.name, seed=4 + seed, A=place)
    return study(ROWS, events, **options)


def test_rows_have_mean_and_sample_deviation_over_their_seeds():
    report = report_of(ablation(), StudyStatus.COMPLETED)
    first = report.rows[0].metrics["mAP"]
    assert (first.mean, first.deviation, first.count) == (pytest.approx(0.6), pytest.approx(0.1), 3)
    assert report.rows[0].metrics["rank1"].mean == pytest.approx(0.7)
    assert "mINP" not in report.rows[0].metrics
    assert report.seeds == (4, 5, 6)


def test_differences_are_taken_seed_by_seed():
    rows = report_of(ablation(), StudyStatus.COMPLETED).rows
    assert rows[0].gains == {}
    gain = rows[1].gains["mAP"]  # 0.05, 0.03, 0.10
    assert (gain.mean, gain.count) == (pytest.approx(0.06), 3)
    assert gain.deviation == pytest.approx((((0.01) ** 2 + (0.03) ** 2 + (0.04) ** 2) / 2) ** 0.5)


def test_a_failed_trial_counts_as_failed_and_pairs_without_it():
    row = report_of(ablation(), StudyStatus.COMPLETED).rows[2]
    assert (row.trials, row.failed) == (2, 1)
    assert row.metrics["mAP"].mean == pytest.approx(0.45)
    assert (row.gains["mAP"].mean, row.gains["mAP"].count) == (pytest.approx(-0.15), 2)


def test_a_trial_on_its_way_is_not_in_the_table():
    events = [*trained(1, 0.5, row="base & co", seed=4, A=0), *trained(2, 0.9, row="base & co", seed=5, epochs=1, A=0)]
    report = report_of(study(ROWS, events), StudyStatus.RUNNING)
    assert report.rows[0].metrics["mAP"].count == 1
    assert report.rows[0].metrics["mAP"].deviation is None
    assert report.rows[1].metrics == {}
    assert sheet_of(report).notes[-1] == "The study cows is running."


def test_sheet_has_published_numbers_beside_measured_ones():
    sheet = sheet_of(report_of(ablation(), StudyStatus.COMPLETED))
    assert sheet.columns == ("row", "seeds", "mAP", "mINP", "rank-1", "Δ mAP", "Market\nmAP / rank-1")
    assert sheet.rows == (
        ("base & co", "3", "60.0 ± 10.0", "-", "70.0 ± 10.0", "-", "74.0 / 87.7"),
        ("+ a_1", "3", "66.0 ± 12.8", "-", "76.0 ± 12.8", "+6.0 ± 3.6", "-"),
        ("+ b", "2 (1 failed)", "45.0 ± 7.1", "-", "55.0 ± 7.1", "-15.0 ± 7.1", "-"),
    )
    assert "over the seeds 4, 5, 6" in sheet.notes[0]
    assert "Published: Market: Luo_2019" in sheet.notes


def test_only_the_metrics_asked_for_are_shown_and_cited():
    sheet = sheet_of(report_of(ablation(), StudyStatus.COMPLETED, ["loss", "rank1"]))
    assert sheet.columns == ("row", "seeds", "loss", "rank-1", "Δ loss", "Market\nrank-1")
    assert sheet.rows[1] == ("+ a_1", "3", "1.250 ± 0.000", "76.0 ± 12.8", "+0.000 ± 0.000", "-")


@pytest.mark.parametrize(
    ("protocol", "says"),
    [(Protocol.TEST, "measured once on the test split after 2 epochs"), (Protocol.VALIDATION, "validation split")],
)
def test_the_table_says_its_protocol(protocol, says):
    sheet = sheet_of(report_of(ablation(protocol=protocol), StudyStatus.COMPLETED))
    assert any(says in note and "9 images" in note for note in sheet.notes)


def test_markdown_and_latex_of_a_study_are_escaped():
    sheet = sheet_of(report_of(ablation(), StudyStatus.COMPLETED))
    assert "| + a\\_1 | 3 | 66.0 ± 12.8 |" in markdown(sheet)
    assert "**steps: 100 % of\\_it**" in markdown(sheet)
    assert r"base \& co & 3 & 60.0 $\pm$ 10.0 &" in latex(sheet)
    assert r"steps: 100 \% of\_it." in latex(sheet)
    assert r"& $-$15.0 $\pm$ 7.1 &" in latex(sheet)


PLAIN = Space(name="plain", parameters={"lr": Float(low=0.0, high=1.0), "decay": Float(low=0.0, high=1.0)})


def searched():
    events = [
        *trained(1, 0.5, lr=0.1, decay=0.2),
        *trained(2, 0.7, lr=0.3, decay=0.2),
        *trained(3, 0.9, lr=0.4, decay=0.2, epochs=1),
        *trained(4, None, lr=0.5, decay=0.2),
    ]
    return study(PLAIN, events, algorithm="bohb", plan=make_plan(2, 1, 2, 4))


def test_a_search_lists_its_best_trials_those_that_got_furthest_first():
    report = report_of(searched(), StudyStatus.COMPLETED)
    assert [trial.id for trial in report.trials] == [2, 1, 3]
    sheet = sheet_of(report)
    assert sheet.title == "Study cows: the best 3 of 4 trials over plain"
    assert sheet.columns == ("trial", "origin", "epoch", "lr", "mAP", "mINP", "rank-1")
    assert sheet.rows[0] == ("2", "grid", "2", "0.3", "70.0", "-", "80.0")


def test_a_search_lists_no_more_trials_than_asked_for():
    assert [trial.id for trial in report_of(searched(), StudyStatus.COMPLETED, most=1).trials] == [2]


def test_names_of_keys_are_as_short_as_they_can_be():
    keys = ["SOLVER.BASE_LR", "INPUT.REA.ENABLED", "INPUT.PADDING.ENABLED", "A.X", "X"]
    assert list(short_names(keys).values()) == ["BASE_LR", "REA.ENABLED", "PADDING.ENABLED", "A.X", "X"]


def test_on_a_terminal_the_parameters_share_a_column_that_wraps():
    report = report_of(searched(), StudyStatus.COMPLETED, most=3)
    wide, folded = sheet_of(report), sheet_of(report, folded=True)
    assert folded.columns == ("trial", "origin", "epoch", "mAP", "mINP", "rank-1", "parameters")
    for apart, together in zip(wide.rows, folded.rows, strict=True):
        assert together[-1] == f"lr {apart[3]}"
        assert (*together[:3], *together[3:-1]) == (*apart[:3], *apart[4:])


def test_tied_keys_are_shown_beside_what_they_follow():
    space = Space(
        name="ties",
        parameters={"lr": Float(low=0.0, high=1.0)},
        tied={"B": Tied(to="lr", factor=2.0), "C": Tied(to="A")},
    )
    events = [*trained(1, 0.5, lr=0.1), *trained(2, 0.6, lr=0.25)]
    report = report_of(study(space, events, algorithm="random"), StudyStatus.COMPLETED)
    assert report.varied == ("lr", "B")
    assert [trial.values for trial in report.trials] == [{"lr": 0.25, "B": 0.5, "C": 5}, {"lr": 0.1, "B": 0.2, "C": 5}]
