"""The study page of 10,000 trials at work: brushing, one trial's news, and what viewers cost the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perf_rows import Row, Run, Sample, at_most, benchmark

if TYPE_CHECKING:
    from playwright.sync_api import Page

_BRUSH = """
() => {
  window.benchFrames = [];
  let last = performance.now();
  const look = (now) => {
    window.benchFrames.push(now - last);
    last = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame((now) => { last = now; requestAnimationFrame(look); });
}
"""
"""From now on, notes how long each frame took."""
_WATCH = """
() => {
  const spent = () => document.querySelector("#facts")?.textContent ?? "";
  let before = spent();
  window.benchSeen = [];
  const look = () => {
    const now = spent().replace(/left, ends.*|\\\\d+ (s|min) ago/, "");
    if (now !== before) {
      before = now;
      requestAnimationFrame(() => window.benchSeen.push((performance.timeOrigin + performance.now()) / 1e3));
    }
    requestAnimationFrame(look);
  };
  look();
}
"""
"""Notes when the header's numbers changed and the frame after it was due, in Unix seconds."""


@benchmark(Row("brushing a frame at 10,000 trials", "ms", at_most(50)))
def brushing(run: Run) -> Sample:
    """A brush is drawn along the objective's axis in 40 steps; frames are what the page redraws."""
    import httpx
    from chromium import browsing
    from perf_browser import opened
    from perf_server import large_home, serving

    study = large_home(run.folder, run.size(10_000, 1_000))
    with serving(run.folder) as address, browsing() as browser:
        httpx.get(f"{address}/api/v1/studies/{study}/board", timeout=300).raise_for_status()
        with opened(browser, f"{address}/studies/{study}") as page:
            page.wait_for_selector("#coords canvas.top")
            page.wait_for_timeout(1_500)  # the first drawing goes on for some frames
            frames = _brushed(page, run.size(40, 10))
    worst = max(frames)
    frames.sort()
    return Sample([frames[int(0.95 * len(frames))]], note=f"p95 of {len(frames)} frames, worst {worst:.0f} ms")


def _brushed(page: Page, steps: int) -> list[float]:
    """Frames, in milliseconds, while the pointer draws the brush."""
    canvas = page.locator("#coords canvas.top")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    x, top, bottom = box["x"] + box["width"] - 56, box["y"] + 62, box["y"] + box["height"] - 40
    page.evaluate(_BRUSH)
    page.mouse.move(x, top)
    page.mouse.down()
    for step in range(1, steps + 1):
        page.mouse.move(x, top + (bottom - top) * step / steps)
    page.mouse.up()
    frames = page.evaluate("window.benchFrames")
    return [float(frame) for frame in frames]


@benchmark(Row("live update of one trial, event to pixel", "ms", at_most(100)))
def live(run: Run) -> Sample:
    """A trial of a running study of 10,000 reports epochs; from the store's commit to the frame that shows it."""
    import statistics
    import time

    import httpx
    from chromium import browsing
    from perf_browser import opened
    from perf_server import Reporter, serving

    reporter = Reporter(run.folder, run.size(10_000, 1_000))
    with serving(run.folder) as address, browsing() as browser:
        httpx.get(f"{address}/api/v1/studies/{reporter.study}/board", timeout=300).raise_for_status()
        with opened(browser, f"{address}/studies/{reporter.study}") as page:
            page.wait_for_selector("#connection[data-state=live]")
            page.wait_for_selector("#coords canvas.top")
            page.wait_for_timeout(3_000)
            page.evaluate(_WATCH)
            times = []
            for seen in range(run.size(15, 5)):
                reporter.report()
                told = time.time()
                page.wait_for_function(f"window.benchSeen.length > {seen}")
                times.append(1e3 * (page.evaluate(f"window.benchSeen[{seen}]") - told))
                page.wait_for_timeout(500)
    reporter.close()
    return Sample([statistics.median(times)], note=f"median of {len(times)}, slowest {max(times):.0f} ms")


@benchmark(Row("controller's share of a core with 20 viewers", "%", at_most(10)))
def viewers(run: Run) -> Sample:
    """20 streams of one study whose trial reports twice a second; the CPU of the process that serves it."""
    import threading
    import time

    import httpx
    import psutil
    from perf_server import Reporter, server_process

    reporter = Reporter(run.folder, run.size(10_000, 1_000))
    with server_process(run.folder) as (address, pid), httpx.Client(base_url=address, timeout=300) as client:
        client.get(f"/api/v1/studies/{reporter.study}/board").raise_for_status()
        heard, over = [0] * 20, threading.Event()
        threads = [
            threading.Thread(target=_listen, args=(address, reporter.study, heard, place, over), daemon=True)
            for place in range(len(heard))
        ]
        for thread in threads:
            thread.start()
        while not all(heard):
            time.sleep(0.1)
        process, seconds = psutil.Process(pid), run.size(20.0, 4.0)
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        while time.monotonic() - began < seconds:
            reporter.report()
            time.sleep(0.5)
        share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
        over.set()
    reporter.close()
    note = f"process that serves the pages: {sum(heard)} deltas to {len(heard)} viewers, 2 epochs a second"
    return Sample([100 * share], note=note)


def _listen(address: str, study: str, heard: list[int], place: int, over: object) -> None:
    """Read one stream until the server goes."""
    import contextlib

    import httpx

    with (
        contextlib.suppress(httpx.HTTPError),
        httpx.stream("GET", f"{address}/api/v1/studies/{study}/events?after=0", timeout=None) as answer,
    ):
        for line in answer.iter_lines():
            heard[place] += line.startswith("data:")
