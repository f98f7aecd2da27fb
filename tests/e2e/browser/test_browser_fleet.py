"""The pages over many studies in a real browser: the list, several beside each other, the form, the cluster."""

import time

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
SIZES = [(1366, 900), (390, 844)]


def until(holds, seconds=20):
    """Wait for something that Python can see; the page's policy forbids Playwright's own evaluated conditions."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


@pytest.fixture
def resting(service):
    """A study that nobody runs, with tags and a note."""
    from sample_study import SampleStudy

    from orchestrator.service.views_acting import TagRequest

    sample = SampleStudy(service, name="old-sbs", max_epochs=90, started=9000)
    sample.half_way()
    sample.finish()
    service.tag(sample.id, TagRequest(add=("cows", "baseline")))
    service.note(sample.id, "the rate was far too low")
    return sample


def names(page):
    return page.locator("#studies tbody th a").all_inner_texts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_fleet_pages_draw_without_scrolling_sideways(open_page, study, resting, screenshot, width, height, scheme):
    for name, path, ready in (
        ("studies", "/", "#connection[data-state=live]"),
        ("compare-studies", f"/compare?studies={study.id},{resting.id}", "#chart-cost canvas"),
        ("cluster", "/cluster", "#connection[data-state=live]"),
        ("launch-copy", f"/launch?like={resting.id}", "#plan .facts strong"),
    ):
        page = open_page(path, width, height, scheme)
        page.wait_for_selector(ready)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        screenshot(page, f"{name}-{scheme}-{width}")


def test_search_narrows_the_list_as_one_types_and_stands_in_the_address(open_page, study, resting):
    page = open_page("/")
    page.keyboard.press("/")
    page.keyboard.type("tag:cows")
    until(lambda: names(page) == ["old-sbs"])
    expect(page.locator("#count")).to_contain_text("1 of 2 studies")
    assert page.url.endswith("?q=tag%3Acows")
    page.reload()
    assert names(page) == ["old-sbs"]
    page.focus("#search input")
    page.keyboard.press("Escape")
    until(lambda: len(names(page)) == 2)


def test_studies_are_chosen_by_keyboard_and_compared(open_page, study, resting):
    page = open_page("/")
    expect(page.locator("#compare")).to_be_disabled()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#ticked")).to_have_text("2 chosen:")
    page.click("#compare")
    page.wait_for_url(f"**/compare?studies={study.id},{resting.id}")
    page.wait_for_selector("#chart-cost canvas")
    expect(page.locator("#differences")).to_contain_text("epochs of a full run")
    page.check("[name=cost][value=hours]")
    assert page.url.endswith("&cost=hours")


def test_ticks_outlive_what_the_running_study_reports(open_page, study, resting):
    page = open_page("/")
    page.wait_for_selector("#connection[data-state=live]")
    page.check(f"input[value='{resting.id}']")
    before = page.locator(f"tr[data-href='/studies/{study.id}']").inner_text()
    study.report(9, study.segment, 3)
    until(lambda: page.locator(f"tr[data-href='/studies/{study.id}']").inner_text() != before)
    assert page.is_checked(f"input[value='{resting.id}']")


def test_archiving_is_undone_by_a_click(open_page, service, study, resting):
    page = open_page("/")
    page.check(f"input[value='{resting.id}']")
    page.click("button:text-is('Archive')")
    expect(page.locator("#flash")).to_contain_text("old-sbs: archived")
    assert names(page) == ["cows-bnneck"]
    page.click("#flash button:text-is('Undo')")
    expect(page.locator("#flash")).to_contain_text("is listed again")
    assert sorted(names(page)) == ["cows-bnneck", "old-sbs"]


def test_lists_and_forms_work_without_javascript(open_page, service, study, resting):
    page = open_page("/", javascript=False)
    page.fill("#search input[type=search]", "sbs")
    page.click("#search button")
    assert names(page) == ["old-sbs"]
    page.check(f"input[value='{resting.id}']")
    page.fill("[name=text]", "kept")
    page.click("button:text-is('Tag')")
    assert service.summary(resting.id).tags == ("cows", "baseline", "kept")
    page = open_page(f"/compare?studies={study.id},{resting.id}", javascript=False)
    expect(page.locator("#differences tbody tr").first).to_be_visible()
    page = open_page("/cluster", javascript=False)
    expect(page.locator("#nodes")).to_contain_text("cows-bnneck / trial 9")
    page = open_page("/launch?space=bnneck", javascript=False)
    page.uncheck("[name='vary:SOLVER.BASE_LR']")
    page.fill("[name='fix:SOLVER.BASE_LR']", "1e-3")
    page.click("button:text-is('Show the plan')")
    expect(page.locator("#plan")).to_contain_text("over 11 parameters")
    expect(page.locator("#data img")).to_have_count(18)


def test_cluster_page_follows_what_runs(open_page, study):
    page = open_page("/cluster")
    expect(page.locator("#nodes")).to_contain_text("epoch 2 of 7")
    study.report(9, study.segment, 3)
    expect(page.locator("#nodes")).to_contain_text("epoch 3 of 7")


def test_ranges_are_edited_and_their_faults_stand_beside_them(open_page):
    page = open_page("/launch?space=bnneck")
    page.fill("[name='low:SOLVER.BASE_LR']", "0.5")
    expect(page.locator("[data-for='low:SOLVER.BASE_LR'] [role=alert]")).to_contain_text("SOLVER.BASE_LR")
    expect(page.locator("[name='low:SOLVER.BASE_LR']")).to_have_attribute("aria-invalid", "true")
    page.fill("[name='low:SOLVER.BASE_LR']", "2e-4")
    page.wait_for_selector("#same code:text('low: 0.0002')")
    page.uncheck("[name='vary:SOLVER.SCHED']")
    expect(page.locator("#plan")).to_contain_text("over 11 parameters")
    expect(page.locator("#data img").first).to_be_visible()
