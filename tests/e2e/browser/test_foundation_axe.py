"""Every page against axe-core's rules, in both themes and both widths, signed in and not.

The gallery with images in it is in test_browser_gallery.py: that takes a trained model.
"""

import pytest
from accessible import violations_in_both_themes
from sample_study import SampleStudy

pytestmark = pytest.mark.browser
SIZES = [(1366, 900), (390, 844)]
PATIENCE_MS = 60_000
READY = {
    "studies": "#studies",
    "compare-studies": "main h1",
    "launch": "#plan strong",
    "cluster": "main h1",
    "study": "#ladder .chip",
    "compare-trials": "main table",
    "report": "table",
    "trial": "[data-curves] canvas",
    "gallery": "#gallery h2",
    "missing": "main h1",
}


def pages(study, other):
    own = f"/studies/{study.id}"
    return {
        "studies": "/",
        "compare-studies": f"/compare?studies={study.id},{other.id}",
        "launch": "/launch",
        "cluster": "/cluster",
        "study": own,
        "compare-trials": f"{own}/compare?trials=1,5,7",
        "report": f"{own}/report",
        "trial": f"{own}/trials/7",
        "gallery": f"{own}/trials/7/gallery",
        "missing": "/studies/nobody",
    }


@pytest.fixture
def other(service):
    sample = SampleStudy(service, name="cows-second")
    sample.half_way()
    return sample


@pytest.fixture
def plain_page(browser, server):
    """As `open_page`, for pages whose status is an error, which Chromium writes to the console."""
    contexts = []

    def plain_page(path, width=1366, height=900, address=server):
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address + path)
        return page

    yield plain_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_page_breaks_a_rule_of_axe(plain_page, server, study, other, width, height):
    page, broken = plain_page("/", width, height), {}
    for name, path in pages(study, other).items():
        page.goto(server + path)
        page.wait_for_selector(READY[name])
        broken[name] = violations_in_both_themes(page)
    assert {name: found for name, found in broken.items() if found} == {}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_login_and_what_a_viewer_sees_break_no_rule_of_axe(plain_page, service, study, other, width, height):
    from live_server import running

    from orchestrator.service.people import People, Role

    People(service.home.people).add("eva", Role.VIEWER, "a long enough password")
    with running(service) as address:
        page = plain_page("/", width, height, address)
        assert page.locator("nav").count() == 0, "who is not signed in is led nowhere"
        broken = {"login": violations_in_both_themes(page)}
        page.fill("#name", "eva")
        page.fill("#password", "a long enough password")
        page.click("text=Log in >> nth=-1")
        page.wait_for_selector("#studies")
        for name in ("studies", "study", "trial", "gallery"):
            page.goto(address + pages(study, other)[name])
            page.wait_for_selector(READY[name])
            broken[name] = violations_in_both_themes(page)
        page.goto(f"{address}/launch")
        broken["forbidden"] = violations_in_both_themes(page)
    assert {name: found for name, found in broken.items() if found} == {}
