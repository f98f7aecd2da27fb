"""The pages and the API of a study of 10,000 trials, from the real server to a real client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perf_rows import Row, Run, Sample, at_most, benchmark, not_yet, seconds

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_WAIT_MS = 60_000
_READY = """
addEventListener("DOMContentLoaded", () => {
  window.benchTasks = [];
  new PerformanceObserver((list) => window.benchTasks.push(...list.getEntries().map((task) => task.duration)))
    .observe({ type: "longtask", buffered: true });
  const there = (selector) => document.querySelector(selector) !== null;
  const drawn = ["#chart-best canvas", "#chart-curves canvas", "#coords canvas.top", "#ladder .chip",
                 "#trials tbody tr", "#trials .count"];
  const look = () => {
    if (drawn.every(there)) window.benchReady = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""
"""Notes the first frame in which every island of the study page has drawn, and the long tasks of the main thread."""

not_yet(Row("brushing a frame at 10,000 trials", "ms", at_most(50)), "issue 8")
not_yet(Row("live update of one trial, event to pixel", "ms", at_most(100)), "issue 8")
not_yet(Row("controller's share of a core with 20 viewers", "%", at_most(10)), "issue 8")


@benchmark(
    Row("list API at 10,000 trials, p95", "ms", at_most(100)),
    Row("study API at 10,000 trials, p95", "ms", at_most(200)),
)
def api(run: Run) -> tuple[Sample, Sample]:
    """One client over one connection, whole bodies, nothing cached by the client; the server has read the log once."""
    import httpx
    from perf_server import large_home, serving

    study = large_home(run.folder, run.size(10_000, 1_000))
    with serving(run.folder) as address, httpx.Client(base_url=f"{address}/api/v1", timeout=300) as client:
        cold = seconds(lambda: client.get(f"/studies/{study}").raise_for_status())

        def p95(path: str) -> tuple[float, float]:
            times = sorted(1e3 * seconds(lambda: client.get(path).raise_for_status()) for _ in range(run.size(40, 10)))
            return times[int(0.95 * len(times))], times[len(times) // 2]

        rows = [p95("/studies"), p95(f"/studies/{study}")]
        size = len(client.get(f"/studies/{study}").content) / 1e6
    notes = (f"median {rows[0][1]:.0f} ms", f"median {rows[1][1]:.0f} ms, {size:.1f} MB of JSON, cold {cold:.1f} s")
    return Sample([rows[0][0]], note=notes[0]), Sample([rows[1][0]], note=notes[1])


@benchmark(
    Row("study page at 10,000 trials: usable", "s", at_most(1.5)),
    Row("study page at 10,000 trials: on the wire", "MB", at_most(1)),
    Row("study page at 10,000 trials: DOM nodes", "nodes", at_most(1_500)),
    Row("study page at 10,000 trials: longest task", "ms", at_most(200)),
)
def page(run: Run) -> tuple[Sample, ...]:
    """Chromium without a cache opens the page; the server has read the log once. Usable: every island has drawn."""
    import os
    import shutil

    import httpx
    from perf_server import large_home, serving
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if chromium is None:
        raise RuntimeError("Chromium is not installed (set CHROMIUM to name it)")
    study = large_home(run.folder, run.size(10_000, 1_000))
    with serving(run.folder) as address, sync_playwright() as driver:
        httpx.get(f"{address}/api/v1/studies/{study}", timeout=300).raise_for_status()
        browser = driver.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        visits = [_visit(browser, f"{address}/studies/{study}") for _ in range(run.size(5, 2))]
        browser.close()
    biggest = max(visits[-1].responses.items(), key=lambda entry: entry[1])
    path = biggest[0].removeprefix(address).replace(study, "ID")
    note = f"{len(visits)} loads, 1366 x 900"
    return (
        Sample([visit.usable for visit in visits], note=note),
        Sample([visit.bytes / 1e6 for visit in visits], note=f"largest: {path} with {biggest[1] / 1e6:.2f} MB"),
        Sample([float(visit.nodes) for visit in visits]),
        Sample([visit.longest for visit in visits], note="PerformanceObserver longtask, until 2 s after usable"),
    )


@dataclass(slots=True)
class _Visit:
    usable: float = 0.0
    nodes: int = 0
    longest: float = 0.0
    responses: dict[str, float] = field(default_factory=dict)

    @property
    def bytes(self) -> float:
        return sum(self.responses.values())


def _visit(browser: Browser, url: str) -> _Visit:
    """Open the page in a fresh context. Its policy forbids evaluated scripts, which is what Playwright waits by."""
    from playwright.sync_api import Error

    visit = _Visit()
    context = browser.new_context(viewport={"width": 1366, "height": 900}, bypass_csp=True)
    tab = context.new_page()
    tab.add_init_script(_READY)
    wire = context.new_cdp_session(tab)
    names: dict[str, str] = {}

    def received(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["response"]["url"]
        visit.responses.setdefault(event["response"]["url"], 0.0)

    def finished(event: dict[str, Any]) -> None:
        visit.responses[names[event["requestId"]]] += event["encodedDataLength"]

    wire.on("Network.responseReceived", received)
    wire.on("Network.loadingFinished", finished)
    wire.send("Network.enable")
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(url, timeout=_WAIT_MS)
    try:
        tab.wait_for_function("window.benchReady !== undefined", timeout=_WAIT_MS)
    except Error as error:
        heard = "; ".join(complaints) or "it raised no error"
        raise RuntimeError(f"the page was not usable within {_WAIT_MS / 1e3:g} s: {heard}") from error
    tab.wait_for_timeout(2_000)
    visit.usable = tab.evaluate("window.benchReady") / 1e3
    visit.nodes = tab.evaluate("document.querySelectorAll('*').length")
    visit.longest = tab.evaluate("Math.max(0, ...window.benchTasks)")
    context.close()
    return visit
