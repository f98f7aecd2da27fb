"""The page of a study with two objectives: the chart draws, the table holds the front."""

import pytest
from playwright.sync_api import expect
from sample_study import SampleStudy

from search_spaces.model import Objective

pytestmark = pytest.mark.browser


def test_the_front_is_a_chart_and_a_table(open_page, service, screenshot):
    two = SampleStudy(service, name="two", objective=(Objective(), Objective(metric="latency_ms", goal="minimize")))
    two.half_way()
    page = open_page(f"/studies/{two.id}")
    page.wait_for_selector("#chart-front canvas")
    front = service.study(two.id).front
    expect(page.locator("#front tbody tr")).to_have_count(len(front))
    expect(page.locator("#chart-front .caption")).to_contain_text(f"{len(front)} of 9 trials are on the front")
    screenshot(page, "front")
