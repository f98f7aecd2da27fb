"""The retrieval gallery of a really trained model, and the page of a trial with its verbs, in a browser."""

import pytest
from accessible import violations
from inspected_study import NAME, train_study
from live_server import running
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

GALLERY = f"/studies/{NAME}/trials/1/gallery"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A service with a trained study, two trials of it inspected."""
    from orchestrator.service.inspection.gallery import Galleries
    from orchestrator.service.service import Service

    folder = tmp_path_factory.mktemp("gallery")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REID_TUNE_HOME", str(folder / "home"))
        patch.delenv("REID_TUNE_STORE", raising=False)
        train_study(folder)
        service = Service(folder / "home")
        for trial in (1, 2):
            Galleries(service).inspections.build(NAME, trial)
        yield service
        service.close()


@pytest.fixture
def server(trained):
    with running(trained) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
@pytest.mark.parametrize("tab", ["queries", "map"])
def test_it_shows_images_in_both_themes_and_widths(open_page, screenshot, scheme, width, tab):
    page = open_page(f"{GALLERY}?tab={tab}&against=2", width=width, scheme=scheme)
    if tab == "map":
        expect(page.locator("#map-count")).to_contain_text("images")
    else:
        expect(page.locator(".found-list").first.locator("img").first).to_be_visible()
        assert page.locator(".found-list img").first.evaluate(
            "(image) => image.decode().then(() => image.naturalWidth)"
        )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    screenshot(page, f"gallery-{tab}-{scheme}-{width}")


def test_a_query_opens_in_place_and_its_address_is_a_deep_link(open_page):
    page = open_page(GALLERY)
    page.locator(".query > .asked").first.click()
    expect(page.locator("#look h2")).to_contain_text("Query")
    assert violations(page) == []
    address = page.url
    assert "query=" in address
    page.keyboard.press("Escape")
    expect(page.locator("#look")).to_have_count(0)
    page.go_back()
    expect(page.locator("#look")).to_have_count(1)
    assert page.url == address


def test_filters_change_the_address_and_the_list(open_page):
    page = open_page(GALLERY)
    before = page.locator(".query").count()
    page.locator("select[name=camera]").select_option(index=1)
    page.wait_for_url("**camera=*")
    expect(page.locator(".filter .count")).not_to_have_text(f"{before} queries")
    assert 0 < page.locator(".query").count() < before


def test_the_map_is_walked_by_keys_and_opens_a_query(open_page):
    page = open_page(f"{GALLERY}?tab=map")
    expect(page.locator("#map-count")).to_contain_text("images")
    page.locator("#map canvas").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#map-hover")).to_contain_text("identity")
    page.keyboard.press("Enter")
    expect(page.locator("#look h2")).to_contain_text("Query")


def test_without_javascript_it_lists_and_filters(open_page):
    page = open_page(f"{GALLERY}?query=0&order=best", javascript=False)
    expect(page.locator("#look h2")).to_contain_text("Query 0")
    assert page.locator(".query").count() > 0
    page.locator(".filter button").click()
    assert page.locator(".query").count() > 0


def test_an_inspection_is_started_and_watched_from_its_page(open_page):
    page = open_page(f"/studies/{NAME}/trials/3/gallery")
    page.click("text=Inspect trial 3")
    expect(page.locator("#gallery")).to_have_attribute("data-state", "building")
    expect(page.locator(".query").first).to_be_visible(timeout=120_000)


def test_a_trial_is_pinned_from_its_page_and_that_is_undone(open_page, trained):
    page = open_page(f"/studies/{NAME}/trials/1")
    expect(page.locator("[data-curves] canvas").first).to_be_visible()
    expect(page.locator("#checkpoints-title")).to_be_visible()
    page.click("button:text-is('Pin')")
    expect(page.locator("button:text-is('Unpin')")).to_be_visible()
    assert trained.trial(NAME, 1).pinned
    page.click("#toasts button:text('Undo')")
    expect(page.locator("button:text-is('Pin')")).to_be_visible()
    assert not trained.trial(NAME, 1).pinned


def test_each_text_of_a_trial_has_an_address(open_page):
    page = open_page(f"/studies/{NAME}/trials/1?log=stderr")
    expect(page.locator("#log .tabs a[aria-current]")).to_have_text("standard error")
    page.click("#log .tabs a:text('trial.log')")
    expect(page.locator("#log .tabs a[aria-current]")).to_have_text("trial.log")
