"""What every page does the same: theme, keys, skip link, banner, undo, errors."""

import pytest
from playwright.sync_api import expect
from test_browser_pages import until

pytestmark = pytest.mark.browser
# found and read in one go: islands are drawn anew at any time
MOTION = "getComputedStyle(document.querySelector('.state-running'), '::before').animationName"
SURFACE = "getComputedStyle(document.documentElement).backgroundColor"
DARK, LIGHT = "rgb(16, 19, 24)", "rgb(246, 247, 249)"


def test_theme_follows_the_system_until_one_chooses_and_the_choice_stays(open_page, study):
    page = open_page("/")
    assert page.evaluate(SURFACE) == LIGHT
    page.click("#theme")
    assert page.evaluate(SURFACE) == DARK
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "true")
    page.goto(page.url + f"studies/{study.id}")
    assert page.evaluate(SURFACE) == DARK, "the server drew it before any script ran"
    page.click("#theme")
    assert page.evaluate(SURFACE) == LIGHT
    page.emulate_media(color_scheme="dark")
    until(lambda: page.evaluate(SURFACE) == DARK)


def test_keys_lead_to_the_pages_and_are_listed(open_page, study):
    page = open_page(f"/studies/{study.id}")
    page.wait_for_selector("#connection[data-state=live]")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/launch")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url(lambda url: url.endswith("/"))


def test_skip_link_is_the_first_stop_and_leads_past_the_bar(open_page, study):
    page = open_page("/")
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    expect(link).to_have_text("Skip to the content")
    assert link.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_banner_says_that_the_server_does_not_answer_and_goes_again(open_page, study):
    page = open_page(f"/studies/{study.id}")
    page.wait_for_selector("#connection[data-state=live]")
    expect(page.locator("#offline")).to_be_hidden()
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("#offline")).to_contain_text("Offline since")
    page.context.set_offline(False)
    study.report(9, study.segment, 3)
    page.wait_for_selector("#connection[data-state=live]")
    expect(page.locator("#offline")).to_be_hidden()


STOP = "form[action$='/stop'] button"


def test_stopping_a_trial_is_held_back_and_undo_drops_it(open_page, service, study):
    page = open_page(f"/studies/{study.id}/trials/9")
    page.wait_for_selector("#connection[data-state=live]")
    page.click(STOP)
    expect(page.locator("#toasts")).to_contain_text("Stopping trial 9 in")
    page.click("#toasts button:text('Undo')")
    expect(page.locator("#toasts .toast")).to_have_count(0)
    expect(page.locator(STOP)).to_be_enabled()
    assert service.store.pending(study.id) == []


def test_a_stop_that_nobody_undid_is_sent_when_the_page_is_left(open_page, service, study):
    page = open_page(f"/studies/{study.id}/trials/9")
    page.wait_for_selector("#connection[data-state=live]")
    page.click(STOP)
    page.wait_for_selector("#toasts .toast")
    page.goto(page.url.rpartition("/studies")[0] + "/launch")
    until(lambda: [one.command.command for one in service.store.pending(study.id)] == ["trial_stop"])


def test_nothing_moves_for_who_wants_no_motion(open_page, study):
    page = open_page(f"/studies/{study.id}")
    page.wait_for_selector(".state-running")
    assert page.evaluate(MOTION) not in {"", "none"}
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOTION) == "none"
