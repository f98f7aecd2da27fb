"""What a stranger or another site may send: no page breaks, and nothing is read for them."""

import math

import pytest

from dashboards.fleet_verbs import MOST
from dashboards.svg import Chart, Line, line_chart

HTML = {"Accept": "text/html"}
CHART = Chart("epochs", "value", "a chart")
EXTREMES = (0.0, 1.0, 1 + 1e-15, 1e16, 1e16 + 2, 1e-320, 1e99, -1e99, 1e308, -1e308, math.inf, -math.inf, math.nan)


@pytest.mark.slow
@pytest.mark.parametrize("number", ["\u00b2", "9" * 5000, "-1", "1e9"])
def test_event_number_that_is_none_begins_where_the_address_says(client, study, number, monkeypatch):
    began = []

    async def stream(_feed, _study, after):
        began.append(after)
        yield b""

    monkeypatch.setattr("dashboards.stream.Feed.stream", stream)
    answer = client.get(f"/api/v1/studies/{study.id}/events?after=7", headers={"Last-Event-ID": number.encode()})
    assert (answer.status_code, began) == (200, [7])


@pytest.mark.slow
@pytest.mark.parametrize("page", ["\u00b2", "9" * 5000, "nan", ""])
def test_page_that_is_no_number_is_the_first(client, study, page):
    answer = client.post("/fleet/note", data={"study": study.id, "text": "n", "page": page})
    assert answer.status_code == 303
    assert "page" not in answer.headers["location"]


@pytest.mark.slow
def test_more_studies_than_anybody_ticks_are_refused_in_one_sentence(client):
    body = "&".join(f"study=s{number}" for number in range(MOST + 1))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/fleet/archive", content=body, headers=kind)
    text = client.get(answer.headers["location"], headers=HTML).text
    assert f"at most {MOST} at once" in text
    assert "s1000" not in text


@pytest.mark.slow
@pytest.mark.parametrize(("site", "read"), [("cross-site", 0), ("same-site", 0), ("same-origin", 1), ("none", 1)])
def test_link_of_another_site_fills_the_launch_form_and_reads_nothing(client, service, monkeypatch, site, read):
    drafted = []
    draft = service.draft
    monkeypatch.setattr(service, "draft", lambda request: drafted.append(request) or draft(request))
    answer = client.get("/launch?data=/nowhere/at/all", headers={**HTML, "Sec-Fetch-Site": site})
    assert answer.status_code == 200
    assert "/nowhere/at/all" in answer.text
    assert len(drafted) == read


@pytest.mark.parametrize("low", EXTREMES)
@pytest.mark.parametrize("high", EXTREMES)
def test_chart_of_any_numbers_is_drawn_or_left_out(low, high):
    for level in (None, (low, "level"), (high, "level")):
        chart = Chart(CHART.x, CHART.y, CHART.name, level)
        drawn = line_chart(chart, [Line("a", [0, 1], [low, high]), Line("b", [0], [low])])
        assert not {"nan", "inf"} & set(drawn.replace('"', " ").split())
        assert "nan" not in drawn
