"""Liveness in real browsers: a cut connection, two tabs, roles, a study that really runs."""

import re
import threading

import pytest
from cutting_proxy import CuttingProxy
from playwright.sync_api import expect
from test_browser_pages import until

pytestmark = pytest.mark.browser


def cell(page, trial, column):
    """What the trials table shows of a trial under a column's head."""
    heads = [text.strip() for text in page.locator("#trials thead").locator("th, td").all_inner_texts()]
    row = page.locator("#trials tbody tr", has=page.locator("th a", has_text=re.compile(f"^{trial}$")))
    at = next(i for i, head in enumerate(heads) if head.startswith(column))
    return row.locator("th, td").nth(at).inner_text().strip()


def live(page):
    page.wait_for_selector("#connection[data-state=live]")
    page.wait_for_selector("#trials .count")


@pytest.fixture
def proxy(server):
    proxy = CuttingProxy(server)
    yield proxy
    proxy.close()


@pytest.fixture
def tab(browser):
    """Opens pages of any address; unlike `open_page` it allows what the console says of a cut connection."""
    contexts = []

    def tab(address, context=None):
        context = context or browser.new_context(viewport={"width": 1366, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        return page

    yield tab
    for context in set(contexts):
        context.close()


def test_a_cut_stream_goes_on_behind_the_last_event_and_misses_nothing(tab, proxy, study):
    page = tab(f"{proxy.address}/studies/{study.id}")
    live(page)
    study.report(9, study.segment, 3)
    until(lambda: cell(page, 9, "Epoch") == "3")
    known = study.service.revision(study.id)
    proxy.cut()
    page.wait_for_selector("#connection[data-state=reconnecting]")
    study.report(9, study.segment, 4)
    study.suggest(10)
    study.report(9, study.segment, 5)
    proxy.mend()
    until(lambda: cell(page, 9, "Epoch") == "5" and cell(page, 10, "Epoch") == "0")
    live(page)
    again = [head for head in proxy.heads if b"/events" in head and b"ast-event-id" in head.lower()]
    assert f"last-event-id: {known}\r\n".encode() in again[-1].lower(), "it did not say what it knew"
    boards = [head for head in proxy.heads if b"/board" in head.partition(b"\r\n")[0]]
    assert len(boards) == 1, "it fetched everything again"


def test_two_tabs_of_one_study_agree(tab, server, study):
    first = tab(f"{server}/studies/{study.id}")
    second = tab(f"{server}/studies/{study.id}", first.context)
    for page in (first, second):
        live(page)
    study.report(9, study.segment, 3)
    for page in (first, second):
        until(lambda page=page: cell(page, 9, "Epoch") == "3")
    study.finish()
    for page in (first, second):
        page.wait_for_selector("#facts .state-completed")
        assert page.locator("[data-verb=pause] button").is_disabled()


def test_a_viewer_sees_everything_and_can_change_nothing(tab, service, study):
    from live_server import running

    from orchestrator.service.people import People, Role

    people = People(service.home.people)
    people.add("eva", Role.VIEWER, "a long enough password")
    people.add("otto", Role.OPERATOR, "a long enough password")
    with running(service) as address:
        seen = {}
        for name in ("eva", "otto"):
            page = tab(f"{address}/studies/{study.id}")
            page.fill("#name", name)
            page.fill("#password", "a long enough password")
            page.click("main button.primary >> nth=0")
            live(page)
            post = "async (path) => (await fetch(path, { method: 'POST' })).status"
            status = page.evaluate(post, f"/api/v1/studies/{study.id}/pause")
            seen[name] = (
                page.locator("main form button").count() > 0,
                page.locator("nav [href='/launch']").count(),
                status,
            )
            page.close()
    assert seen["eva"] == (False, 0, 403)
    assert seen["otto"][:2] == (True, 1)
    assert seen["otto"][2] == 200


def test_the_page_follows_a_study_that_really_runs(tab, server, service, tmp_path):
    from trials.studies import controller, created

    from orchestrator.store import open_store

    first = created("really", trials=4, max_epochs=3, **{"TEST.DELAY": 0.02})
    service.store.create_study(first, service.store.now())
    page = tab(f"{server}/studies/{first.study}")

    def run():
        store = open_store(service.home.store)
        controller(store, first.study, tmp_path / "files").run()
        store.close()

    page.wait_for_selector("#trials :text('No trial yet')")
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    page.wait_for_selector("#facts .state-running")
    page.wait_for_selector("#facts .state-completed")
    thread.join(60)
    rows = service.trials(first.study)
    until(lambda: page.locator("#trials tbody tr").count() == len(rows))
    for row in rows:
        until(lambda row=row: cell(page, row.id, "Epoch") == str(row.epoch))
    expect(page.locator("#best")).to_contain_text("mAP")
