"""The trials table on the server: filter, order, columns, CSV, and trials beside each other."""

import csv
import io
import sys
from pathlib import Path

import pytest

from orchestrator.service.service import Service
from orchestrator.service.trials.comparing import compared, wanted
from orchestrator.service.trials.table import TableView, columns_of, csv_lines, fields_of, select_trials
from reid_core.errors import InvalidInput, UsageError

sys.path.insert(0, str(Path(__file__).parents[1] / "dashboards"))


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    from sample_study import SampleStudy

    service = Service(tmp_path_factory.mktemp("home"))
    SampleStudy(service).half_way()
    yield service
    service.close()


@pytest.fixture(scope="module")
def study(service):
    return service.study("latest")


def numbers(study, **view):
    return [row.id for row in select_trials(study, TableView(**view))]


def test_without_a_view_the_best_trial_comes_first_and_those_without_a_result_last(service, study):
    best_first = sorted((row for row in study.trials if row.score is not None), key=lambda row: -row.score)
    assert numbers(study) == [row.id for row in best_first]


def test_pinned_trials_come_first_until_another_order_is_asked_for(study):
    rows = tuple(row.model_copy(update={"pinned": row.id == 4}) for row in study.trials)
    pinned = study.model_copy(update={"trials": rows})
    assert numbers(pinned)[0] == 4
    assert numbers(pinned, sort="-mAP")[0] == 7


def test_filter_and_order_work_together(study):
    assert numbers(study, filter="state = resting and origin = model", sort="-trial") == [8, 5, 2]
    assert numbers(study, filter="epoch in 1..7", sort="id") == [1, 2, 3, 4, 8, 9]


def test_of_equals_the_earlier_trial_is_first_whichever_way(study):
    rising, falling = numbers(study, sort="rung"), numbers(study, sort="-rung")
    assert rising == [1, 2, 3, 4, 8, 9, 5, 6, 7]
    assert falling == [7, 5, 6, 1, 2, 3, 4, 8, 9]


def test_empty_cells_are_last_whichever_way(study):
    missing = [row.id for row in study.trials if "MODEL.LOSSES.TRI.MARGIN" not in row.values]
    assert missing
    for sort in ("MODEL.LOSSES.TRI.MARGIN", "-MODEL.LOSSES.TRI.MARGIN"):
        assert numbers(study, sort=sort)[-len(missing) :] == missing


def test_unknown_columns_and_orders_are_refused_with_a_guess(study):
    with pytest.raises(UsageError, match="not a column") as raised:
        columns_of(study, ("trial", "SOLVER.BASELR"))
    assert "SOLVER.BASE_LR" in raised.value.hint
    with pytest.raises(UsageError, match="cannot be sorted"):
        select_trials(study, TableView(sort="-nothing"))
    with pytest.raises(InvalidInput):
        select_trials(study, TableView(filter="nothing > 1"))


def test_csv_holds_every_trial_and_parameter(study):
    head, *rows = csv.reader(io.StringIO("".join(csv_lines(study, TableView()))))
    assert head == list(fields_of(study))
    assert len(rows) == len(study.trials)
    first = dict(zip(head, rows[0], strict=True))
    best = next(row for row in study.trials if row.id == int(first["trial"]))
    assert float(first["mAP"]) == best.metrics["mAP"]
    assert float(first["SOLVER.BASE_LR"]) == best.values["SOLVER.BASE_LR"]


def test_csv_keeps_filter_order_and_columns(study):
    view = TableView("trial in [2, 7]", "-trial", ("trial", "mAP", "changed"))
    head, *rows = csv.reader(io.StringIO("".join(csv_lines(study, view))))
    assert head == ["trial", "mAP"]
    assert [row[0] for row in rows] == ["7", "2"]


def test_csv_never_hands_a_spreadsheet_a_formula(study):
    row = study.trials[0].model_copy(update={"node": "=HYPERLINK(1)"})
    text = "".join(csv_lines(study.model_copy(update={"trials": (row,)}), TableView(columns=("node",))))
    assert text == "node\r\n'=HYPERLINK(1)\r\n"


def test_compared_trials_show_only_keys_that_differ(service, study):
    both = compared("s", [service.trial("latest", one) for one in (1, 7)], tuple(study.space_model.parameters))
    assert [trial.id for trial in both.trials] == [1, 7]
    assert all(one.values[0] != one.values[1] for one in both.differences)
    assert {one.key for one in both.differences} == {one.key for one in service.trial("latest", 7).diff}
    searched = [one.searched for one in both.differences]
    assert searched == sorted(searched, reverse=True)
    assert both.alike + len(both.differences) == len(service.trial("latest", 1).config)


@pytest.mark.parametrize("text", ["", "3", "3,3", "3,x", "1,-2", ",".join(map(str, range(21)))])
def test_too_few_too_many_and_no_numbers_cannot_be_compared(text):
    with pytest.raises(UsageError):
        wanted(text)


def test_trials_to_compare_keep_their_order():
    assert wanted("8, 3 5,3") == (8, 3, 5)
