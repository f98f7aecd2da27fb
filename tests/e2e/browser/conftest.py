import sys
from pathlib import Path

import pytest
from chromium import browsing, chromium

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS / "unit" / "dashboards"))
SCREENSHOTS = TESTS.parent / "build" / "screenshots"
PATIENCE_MS = 60_000  # of a busy machine; what comes sooner is not waited for


@pytest.fixture(scope="session")
def browser():
    if chromium() is None:
        pytest.skip("Chromium is not installed (set CHROMIUM to name it)")
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    with browsing() as browser:
        yield browser


@pytest.fixture
def study(service):
    from sample_study import SampleStudy

    sample = SampleStudy(service)
    sample.half_way()
    return sample


@pytest.fixture
def server(service):
    from live_server import running

    with running(service) as address:
        yield address


@pytest.fixture
def open_page(browser, server):
    """Opens pages of the server; fails the test when the console of any of them shows an error."""
    contexts, complaints = [], []

    def open_page(path, width=1366, height=900, scheme="light", javascript=True):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=javascript
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # only a test takes the network away; the browser itself says so of whatever is asked for meanwhile
    assert [said for said in complaints if "ERR_INTERNET_DISCONNECTED" not in said] == []


@pytest.fixture
def screenshot():
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
