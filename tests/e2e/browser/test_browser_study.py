"""The study page at work: first screen, filter, order, columns, brush, comparison, CSV, verbs, links, 10,000 trials."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect
from test_browser_pages import numbers, until

pytestmark = pytest.mark.browser


def query(page):
    """What the address holds now; `page.url` itself stands still while nobody talks to the browser."""
    return {name: values[0] for name, values in parse_qs(page.evaluate("location.search")[1:]).items()}


def ready(page):
    page.wait_for_selector("#trials .tools[role=search]")
    page.wait_for_selector("#coords canvas.top")
    return page


@pytest.fixture
def page(open_page, study):
    return ready(open_page(f"/studies/{study.id}", height=768))


def brush(page, low, high):
    """Drag over the objective's axis, which is the last one; pixels from the canvas's top."""
    canvas = page.locator("#coords canvas.top")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x = box["x"] + box["width"] - 56
    page.mouse.move(x, box["y"] + low)
    page.mouse.down()
    page.mouse.move(x, box["y"] + high, steps=4)
    page.mouse.up()


def test_first_screen_of_a_laptop_holds_state_best_charts_and_the_table(page):
    for place in ("#verbs", "#facts", "#best", "#matters", "#chart-best canvas", "#ladder .chip >> nth=0", "#coords"):
        box = page.locator(place).bounding_box()
        assert box["y"] + box["height"] <= 768, place
    assert page.locator("#trials tbody tr >> nth=0").bounding_box()["y"] < 768
    expect(page.locator("#facts")).to_contain_text(
        re.compile(r"running.*9 of 12 trials.*of 242 epochs.*ends about", re.DOTALL)
    )
    expect(page.locator("#best")).to_contain_text("Best 54.0 mAP % (trial 7 at epoch 60")


def test_what_matters_comes_by_itself_once_the_page_is_there(open_page, service):
    from sample_study import SampleStudy

    long = SampleStudy(service, name="long", trials=9)
    for trial in range(1, 10):
        long.suggest(trial)
        long.run(trial, 0, 20)
    page = ready(open_page(f"/studies/{long.id}"))
    expect(page.locator("#matters .matter")).to_have_count(4, timeout=60_000)
    expect(page.locator("#matters .matter").first).to_contain_text("%")


def test_filter_language_filters_as_one_types_and_marks_faults(page):
    page.fill("#trials input[type=search]", "rank1 > .4 and origin = model")
    until(lambda: numbers(page) == ["7", "5"])
    expect(page.locator("#trials .count")).to_have_text("2 of 9 trials")
    page.fill("#trials input[type=search]", "rank1 > .4 and origin =")
    expect(page.locator("#filter-fault")).to_have_text("column 24: a value stands here, not the end")
    assert numbers(page) == ["7", "5"]  # the last good one holds
    until(lambda: query(page).get("filter") == "rank1 > .4 and origin =")


def test_order_and_columns_stay_in_the_address_and_come_back(open_page, study, page):
    page.click("#trials thead button:text('Epoch')")
    page.click("#columns summary")
    page.click("#columns label[title='SOLVER.BASE_LR']")
    page.click("#columns label[title='node']")
    until(
        lambda: query(page).get("sort") == "-epoch" and query(page).get("columns", "").endswith("state,SOLVER.BASE_LR")
    )
    heads = page.locator("#trials thead th").all_inner_texts()
    assert "BASE_LR" in heads
    assert "Node" not in heads
    again = ready(open_page(urlsplit(page.url).path + "?" + urlsplit(page.url).query))
    until(lambda: again.locator("#trials thead th").all_inner_texts() == heads)
    expect(again.locator("#trials thead th[title=epoch]")).to_have_attribute("aria-sort", "descending")


def test_back_takes_a_filter_back(page):
    page.fill("#trials input[type=search]", "state = failed")
    until(lambda: query(page).get("filter") == "state = failed")
    page.go_back()
    until(lambda: len(numbers(page)) == 9)
    expect(page.locator("#trials input[type=search]")).to_have_value("")


def test_brush_filters_the_table_and_the_plots_and_is_a_link(open_page, study, page):
    brush(page, 45, 110)
    until(lambda: len(numbers(page)) == 3)
    assert numbers(page) == ["7", "5", "6"]
    until(lambda: query(page).get("brush", "").startswith("mAP:"))
    page.locator("#explore").scroll_into_view_if_needed()
    expect(page.locator("#explore .caption")).to_contain_text("3 trials")
    again = ready(open_page(urlsplit(page.url).path + "?" + urlsplit(page.url).query))
    until(lambda: numbers(again) == ["7", "5", "6"])
    again.keyboard.press("Escape")
    until(lambda: len(numbers(again)) == 9)


def test_axes_of_the_plot_are_in_the_address(page):
    page.locator("#explore").scroll_into_view_if_needed()
    page.select_option("#explore select[aria-label='Kind of plot']", "contour")
    page.select_option("#explore select[aria-label=x]", "SOLVER.WEIGHT_DECAY")
    expect(page.locator("#explore .caption")).to_contain_text("against WEIGHT_DECAY (log)")
    until(lambda: (query(page).get("plot"), query(page).get("x")) == ("contour", "SOLVER.WEIGHT_DECAY"))


def test_ticked_trials_are_compared(page, study, screenshot):
    for trial in (1, 7):
        page.check(f"#trials input[aria-label='Compare trial {trial}']")
    until(lambda: query(page).get("selected") == "1,7")
    page.click("#compare")
    page.wait_for_url(f"**/studies/{study.id}/compare?trials=1,7")
    expect(page.locator("#differences tbody th").first).to_be_visible()
    expect(page.locator("#compare-trials svg.line-chart")).to_have_count(4)
    screenshot(page, "compare-trials")


def test_csv_of_the_filtered_trials_is_downloaded(page):
    page.fill("#trials input[type=search]", "epoch >= 20")
    until(lambda: len(numbers(page)) == 3)
    with page.expect_download() as download:
        page.click("#trials a:text('CSV')")
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("trial,origin")
    assert [line.split(",")[0] for line in lines[1:]] == ["7", "5", "6"]


def test_extending_and_stopping_from_the_page_reach_the_controller(page, service, study):
    page.click("#extend summary")
    page.fill("#more-trials", "3")
    page.click("#extend button")
    expect(page.locator("#toasts")).to_contain_text("15 trials")
    page.click("#verbs summary:text('Stop')")
    page.click("button:text('Stop when what runs is on its rung')")
    until(lambda: [one.command.command for one in service.store.pending(study.id)] == ["extend", "stop"])
    assert service.store.pending(study.id)[-1].command.asked.at_rung


def test_pinning_is_undone_with_one_click(page, service, study):
    page.click("#trials button[aria-label='Pin trial 7']")
    expect(page.locator("#trials button[aria-label='Pin trial 7']")).to_have_attribute("aria-pressed", "true")
    page.click("#toasts button:text('Undo')")
    expect(page.locator("#trials button[aria-label='Pin trial 7']")).to_have_attribute("aria-pressed", "false")
    until(lambda: [one.command.command for one in service.store.pending(study.id)] == ["trial_pin", "trial_unpin"])


def test_ladder_says_why_a_trial_was_promoted_to_whoever_points_or_tabs(page):
    page.focus("#ladder .chip:text('↑7')")
    expect(page.locator("#ladder .why")).to_contain_text(
        "Trial 7, completed, epoch 60 of 60, 54.0. Promoted: rank 1 of 3"
    )


def test_report_opens_and_shows_its_style(page, study):
    page.click("#trials a:text('Report')")
    page.wait_for_url("**/report")
    expect(page.locator("h1")).to_have_text("cows-bnneck")
    expect(page.locator("svg.line-chart")).to_have_count(2)
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize") == "28px"


@pytest.mark.slow
def test_only_the_rows_in_sight_of_ten_thousand_are_in_the_document(open_page, service):
    from sample_study import many_trials

    many = many_trials(service)
    page = open_page(f"/studies/{many.id}?sort=trial")
    page.wait_for_selector("#trials .count:text('10000 trials')")
    page.wait_for_selector("#chart-curves canvas")
    assert page.locator("*").count() < 1500
    page.evaluate("document.querySelector('.scroll.tall').scrollTop = 5000 * 33")
    until(lambda: "5001" in numbers(page))
    assert page.locator("#trials tbody tr").count() < 40
    page.fill("#trials input[type=search]", "trial in 9000..9009")
    until(lambda: numbers(page) == [str(trial) for trial in range(9000, 9010)])
