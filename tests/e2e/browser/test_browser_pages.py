import re
import time

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
SIZES = [(1366, 900), (390, 844)]


def until(holds, seconds=60):
    """Wait for something that Python can see; the page's policy forbids Playwright's own evaluated conditions."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def numbers(page):
    return page.locator("#trials tbody th a").all_inner_texts()


def epoch_of(page, trial):
    row = page.locator("#trials tbody tr", has=page.locator("th a", has_text=re.compile(f"^{trial}$")))
    return row.locator("td").nth(3).inner_text()


def settled(page, path):
    """Wait until the islands of a page have drawn."""
    if path == "study":
        page.wait_for_selector("#chart-best canvas")
        page.wait_for_selector("#chart-curves canvas")
        page.wait_for_selector("#coords canvas.top")
        page.wait_for_selector("#ladder .chip")
    if path == "trial":
        page.wait_for_selector("[data-curves] canvas")
    if path == "launch":
        page.wait_for_selector("#plan strong")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_page_draws_without_scrolling_sideways(open_page, study, screenshot, width, height, scheme):
    for name, path in {
        "list": "/",
        "study": f"/studies/{study.id}",
        "trial": f"/studies/{study.id}/trials/7",
        "launch": "/launch",
    }.items():
        page = open_page(path, width, height, scheme)
        settled(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        screenshot(page, f"{name}-{scheme}-{width}")


def test_pages_list_and_show_without_javascript(open_page, study):
    page = open_page("/", javascript=False)
    page.click("text=cows-bnneck")
    expect(page.locator("#trials tbody tr")).to_have_count(9)
    page.click("#trials tbody tr:first-child th a")
    expect(page.locator("main")).to_contain_text("What happened")


def test_study_page_follows_the_running_study(open_page, study):
    page = open_page(f"/studies/{study.id}")
    settled(page, "study")
    page.wait_for_selector("#connection[data-state=live]")
    assert epoch_of(page, 9) == "2"
    study.report(9, study.segment, 3)
    until(lambda: epoch_of(page, 9) == "3")
    study.suggest(10)
    until(lambda: page.locator("#trials tbody tr").count() == 10)
    study.finish()
    page.wait_for_selector("#facts .state-completed")
    until(lambda: page.locator("[data-verb=pause] button").is_disabled())


def test_study_page_catches_up_after_its_connection_was_cut(open_page, study):
    page = open_page(f"/studies/{study.id}")
    page.wait_for_selector("#connection[data-state=live]")
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    page.wait_for_selector("#connection[data-state=offline]")
    study.report(9, study.segment, 3)
    study.report(9, study.segment, 4)
    page.context.set_offline(False)
    until(lambda: epoch_of(page, 9) == "4")


def test_trial_page_follows_its_trial(open_page, study):
    page = open_page(f"/studies/{study.id}/trials/9")
    page.wait_for_selector("#connection[data-state=live]")
    expect(page.locator("[data-live=facts]")).to_contain_text("epoch 2 of 7")
    study.report(9, study.segment, 3)
    page.wait_for_selector("[data-live=facts] :text('epoch 3 of 7')")


def test_trials_are_sorted_filtered_and_walked_by_keyboard(open_page, study):
    page = open_page(f"/studies/{study.id}")
    settled(page, "study")
    page.click("#trials thead button:text('Trial')")
    until(lambda: numbers(page) == [str(trial) for trial in range(1, 10)])
    expect(page.locator("#trials thead th").first).to_have_attribute("aria-sort", "ascending")
    page.keyboard.press("/")
    page.keyboard.type("failed")
    until(lambda: len(numbers(page)) == 1)
    assert numbers(page) == ["4"]
    page.keyboard.press("Escape")
    until(lambda: len(numbers(page)) == 9)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/studies/{study.id}/trials/1")


def test_brushing_an_axis_filters_the_table(open_page, study, screenshot):
    page = open_page(f"/studies/{study.id}")
    settled(page, "study")
    canvas = page.locator("#coords canvas.top")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x = box["x"] + box["width"] - 56  # the objective's axis
    page.mouse.move(x, box["y"] + 45)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 110, steps=4)
    page.mouse.up()
    until(lambda: len(numbers(page)) == 3)
    assert numbers(page) == ["7", "5", "6"]
    screenshot(page, "study-brushed")
    page.keyboard.press("Escape")
    until(lambda: len(numbers(page)) == 9)


def test_pausing_from_the_page_reaches_the_controller(open_page, service, study):
    page = open_page(f"/studies/{study.id}")
    settled(page, "study")
    page.click("[data-verb=pause] button")
    page.wait_for_selector("#facts :text('pause asked for')")
    until(lambda: [pending.command.command for pending in service.store.pending(study.id)] == ["pause"])


def test_launch_form_plans_as_one_types_and_marks_faults(open_page, screenshot):
    page = open_page("/launch?space=bnneck")
    page.fill("[name=trials]", "4")
    page.wait_for_selector("#same code:text('--trials 4')")
    expect(page.locator("#plan .facts li:first-child")).to_have_text("4 trials")
    page.fill("[name='set']", "SOLVER.BASELR: 1")
    page.wait_for_selector("[data-for=set] [role=alert]")
    expect(page.locator("[name='set']")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("button[value=launch]")).to_be_disabled()
    screenshot(page, "launch-faults")
    page.fill("[name='set']", "")
    page.wait_for_selector("button[value=launch]:enabled")
    assert page.input_value("[name=trials]") == "4"


def test_launch_button_starts_the_study_and_shows_it(open_page, service, monkeypatch):
    launched = []
    monkeypatch.setattr(service, "launch", lambda study, _by: launched.append(study) or service.summary(study))
    page = open_page("/launch?space=bnneck")
    page.fill("[name=name]", "from-chromium")
    page.wait_for_selector("#same code:text('from-chromium')")
    page.click("button[value=launch]")
    page.wait_for_selector("h1:text('from-chromium')")
    assert page.url.endswith(f"/studies/{launched[0]}")
    page.wait_for_selector("#trials :text('No trial yet')")


@pytest.mark.slow
def test_ten_thousand_trials_stay_usable(open_page, service, screenshot):
    from sample_study import many_trials

    study = many_trials(service)
    before = time.monotonic()
    service.study(study.id)
    assert time.monotonic() - before < 15, "the service itself is slow at 10,000 trials"
    before = time.monotonic()
    page = open_page(f"/studies/{study.id}")
    page.wait_for_selector("#coords canvas.top")
    page.wait_for_selector("#trials .count:text('10000 trials')")
    assert (
        time.monotonic() - before < 30
    )  # the budget of 1.5 s is measured by the bench; this one holds on a busy machine
    assert page.locator("*").count() < 3500
    assert page.locator("#trials tbody tr").count() <= 200
    screenshot(page, "study-10000")
