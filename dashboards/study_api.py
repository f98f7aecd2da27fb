"""What the API tells of a study's trials as a table: filtered, as CSV, and some of them beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from dashboards.refs import StudyRef
from dashboards.trials_view import view_of
from orchestrator.service.service import Service
from orchestrator.service.trials.comparing import TrialComparison, compared, wanted
from orchestrator.service.trials.table import csv_lines

__all__ = ["Columns", "Filter", "Sort", "add_study_reads"]

Filter = Annotated[
    str, Query(alias="filter", max_length=2000, description="rank1 > .8 and MODEL.BACKBONE.NAME ~ resnet")
]
Sort = Annotated[str, Query(max_length=200, description="a column; with a minus in front falling")]
Columns = Annotated[list[str], Query(max_length=100, description="names, one by one or with commas; none: all")]
_LINES = 500  # of one piece on the wire


def add_study_reads(router: APIRouter, service: Service) -> None:
    """Add the routes."""

    @router.get(
        "/studies/{study}/trials.csv",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/csv": {}}, "description": "a head, then a line a trial"}},
        tags=["trials"],
    )
    def export(study: StudyRef, filter_text: Filter = "", sort: Sort = "", columns: Columns = []) -> StreamingResponse:  # noqa: B006 - FastAPI copies it
        """The trials that pass a filter, sorted, as CSV."""
        detail = service.study(study)
        lines = csv_lines(detail, view_of(filter_text, sort, columns))
        headers = {"Content-Disposition": f'attachment; filename="{_plain(detail.name)}-trials.csv"'}
        return StreamingResponse(_pieces(lines), media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/studies/{study}/compare", tags=["trials"])
    def compare(
        study: StudyRef, trials: Annotated[str, Query(max_length=400, description="2 to 20 numbers: 3,5,8")]
    ) -> TrialComparison:
        """Trials beside each other: in what their configurations differ, their curves, their metrics."""
        detail = service.study(study)
        found = [service.trial(study, number) for number in wanted(trials)]
        return compared(detail.name, found, tuple(detail.space_model.parameters))


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    rest = iter(lines)
    while piece := "".join(islice(rest, _LINES)):
        yield piece


def _plain(name: str) -> str:
    """A file name of a study's name."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
