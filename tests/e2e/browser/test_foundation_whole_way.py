"""The whole way in the browser: launch, watch, pause, resume, compare, export, look into a trial down to a wrong
retrieval."""

import csv

import pytest
from playwright.sync_api import expect
from test_browser_pages import until
from tour import EPOCHS, NAME, TRIALS, WANTED, first_picture, picture

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]
SIZES = [(1366, 900), (390, 844)]
PATIENCE_S = 1200 if WANTED else 300  # it trains in earnest, on synthetic images
WRONG = "#look .found.wrong"


@pytest.fixture
def nothing_left(service):
    """Ends what was launched, also when the test fell on its way: its controller is a process of its own."""
    yield
    for study in service.studies():
        if study.ended_at is None:
            service.stop(study.id)
            until(lambda study=study: service.study(study.id).ended_at is not None, PATIENCE_S)


def photographed(page, screenshot, name):
    """One page as it is now, in both themes and both widths."""
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            screenshot(page, f"way-{name}-{scheme}-{width}")
    page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
    page.emulate_media(color_scheme="light")


def launched(page, screenshot):
    """Fill in the form for a small study and launch it."""
    page.click("nav a:text('Launch')")
    page.fill("[name=name]", NAME)
    page.fill("[name=trials]", TRIALS)
    page.fill("[name=max_epochs]", EPOCHS)
    backend = page.locator("[name=backend]")
    if not backend.is_visible():
        backend.evaluate("(one) => one.closest('details')?.setAttribute('open', '')")
    backend.select_option("processes")
    page.wait_for_selector(f"#same code:text('{NAME}')")
    page.wait_for_selector(f"#plan .facts li:text('{TRIALS} trials')")
    page.wait_for_selector("button[value=launch]:enabled")
    picture(page, "launch")
    photographed(page, screenshot, "1-launch")
    page.click("button[value=launch]")
    page.wait_for_selector(f"h1:text('{NAME}')")


def steered(page, screenshot):
    """Watch the first trial run, pause, see it rest, resume, see the end."""
    page.wait_for_selector("#facts .state-running")
    page.wait_for_selector("#trials tbody tr .state-running")
    if WANTED:
        until(lambda: page.locator("#trials tbody tr").count() > int(TRIALS) // 2, PATIENCE_S)
        picture(page, "running")
    page.click("[data-verb=pause] button")
    page.wait_for_selector("#facts .state-paused")
    until(lambda: page.locator("#trials .state-running").count() == 0, PATIENCE_S)
    photographed(page, screenshot, "2-paused")
    page.click("[data-verb=resume] button")
    page.wait_for_selector("#facts .state-running, #facts .state-completed")
    page.wait_for_selector("#facts .state-completed")
    until(lambda: page.locator("#trials tbody tr").count() == int(TRIALS))
    page.wait_for_selector("#chart-best canvas")
    page.wait_for_selector("#chart-curves canvas")
    picture(page, "study")
    first_picture("study")
    photographed(page, screenshot, "3-study")


def exported(page, path):
    """The table as CSV, as its rows."""
    with page.expect_download() as caught:
        page.click("a:text-is('CSV')")
    caught.value.save_as(path)
    return list(csv.reader(path.read_text().splitlines()))


def compared(page, screenshot):
    """Tick the two trials on top and compare them."""
    for place in (0, 1):
        page.locator("#trials tbody input[type=checkbox]").nth(place).check()
    page.click("#compare")
    page.wait_for_url("**/compare?trials=*")
    expect(page.locator("main table").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    picture(page, "compare", 1000)
    photographed(page, screenshot, "4-compare")
    page.go_back()


def looked_into(page, screenshot):
    """The best trial's page, its gallery, and a query that found somebody else first."""
    page.click("#best a:text('trial')")
    page.wait_for_selector("[data-curves] canvas")
    picture(page, "trial", 1000)
    photographed(page, screenshot, "5-trial")
    page.click("a:text('Retrieval gallery')")
    page.click("button:text('Inspect trial')")
    expect(page.locator("#gallery")).to_have_attribute("data-state", "building")
    page.wait_for_selector(".query .found.wrong img")
    page.wait_for_load_state("networkidle")
    picture(page, "gallery", 1000)
    photographed(page, screenshot, "6-gallery")
    page.locator(".query", has=page.locator(".found.wrong")).first.locator(".asked").click()
    page.wait_for_selector(WRONG)
    image = page.locator(f"{WRONG} img").first
    assert image.evaluate("(one) => one.decode().then(() => one.naturalWidth)") > 0
    assert "wrong, identity" in image.get_attribute("alt")
    assert "query=" in page.url, "what one sees has no address"
    page.wait_for_load_state("networkidle")
    picture(page, "wrong", 760)
    photographed(page, screenshot, "7-wrong")


@pytest.mark.usefixtures("nothing_left")
def test_a_study_is_launched_followed_steered_inspected_compared_and_exported(open_page, screenshot, tmp_path):
    page = open_page("/")
    page.set_default_timeout(1000 * PATIENCE_S)
    launched(page, screenshot)
    study = page.url
    steered(page, screenshot)

    rows = exported(page, tmp_path / "trials.csv")
    assert len(rows) == int(TRIALS) + 1
    assert "mAP" in rows[0]

    compared(page, screenshot)
    looked_into(page, screenshot)

    server = study.partition("/studies")[0]
    for name, path in {
        "8-report": f"{study}/report",
        "9-cluster": f"{server}/cluster",
        "10-studies": f"{server}/",
    }.items():
        page.goto(path)
        page.wait_for_selector("h1")
        photographed(page, screenshot, name)
    expect(page.locator("#studies")).to_contain_text(NAME)
