"""The analysis on the study's page: asked for when it is opened, readable on every screen."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def long_study(service):
    from sample_study import SampleStudy

    sample = SampleStudy(service, name="long", trials=16)
    for trial in range(1, 17):
        sample.suggest(trial)
        sample.run(trial, 0, 60 if trial % 4 == 0 else 20)
    sample.finish()
    return sample


def asked(page):
    """The requests for the analysis that the page makes from now on."""
    found = []
    page.on("request", lambda request: found.append(request.url) if request.url.endswith("/analysis") else None)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1366, 900), (390, 844)])
def test_analysis_draws_when_it_is_opened(open_page, long_study, screenshot, width, height, scheme):
    page = open_page(f"/studies/{long_study.id}", width, height, scheme)
    page.wait_for_selector("#coords canvas.top")
    requests = asked(page)
    page.wait_for_timeout(200)
    assert requests == []  # the page's own budgets do not pay for it
    page.locator("#analysis > summary").press("Enter")  # no chart that is still drawing moves this away from a pointer
    expect(page.locator("#expected-gain")).to_contain_text("One more full run is expected to gain")
    parameters = len(long_study.space.parameters)
    expect(page.locator("#analysis svg.dependence")).to_have_count(parameters)
    expect(page.locator("#analysis svg.shares")).to_have_count(parameters)
    first = page.locator("#analysis svg.dependence").first
    assert "best at" in first.get_attribute("aria-label")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    screenshot(page, f"analysis-{scheme}-{width}")


def test_opening_it_again_asks_only_when_the_study_went_on(open_page, study):
    page = open_page(f"/studies/{study.id}")
    page.wait_for_selector("#connection[data-state=live]")
    requests = asked(page)
    page.click("#analysis > summary")
    expect(page.locator("#analysis")).to_contain_text("Needs at least 8 trials with a result; there are 7.")
    page.click("#analysis > summary")
    page.click("#analysis > summary")
    page.wait_for_timeout(300)
    assert len(requests) == 1
    study.report(9, study.segment, 3)
    expect(page.locator("#facts")).to_contain_text(str(service_epochs(study)))
    page.click("#analysis > summary")
    with page.expect_response("**/analysis"):
        page.click("#analysis > summary")
    assert len(requests) == 2


def service_epochs(study):
    return study.service.study(study.id).epochs_spent
