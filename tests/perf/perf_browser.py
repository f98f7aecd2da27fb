"""Chromium for benchmarks: how long a page takes to be usable, what it moves, holds, and how long it holds still."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["STUDY_DRAWN", "Visit", "opened", "visit"]

WAIT_MS = 60_000
STUDY_DRAWN = ["#chart-best canvas", "#chart-curves canvas", "#coords canvas.top", "#ladder .chip",
               "#trials tbody tr", "#trials .count"]  # fmt: skip
"""What the study page holds once every island has drawn."""
_READY = """
addEventListener("DOMContentLoaded", () => {
  window.benchTasks = [];
  new PerformanceObserver((list) => window.benchTasks.push(...list.getEntries().map((task) => task.duration)))
    .observe({ type: "longtask", buffered: true });
  const there = (selector) => document.querySelector(selector) !== null;
  const look = () => {
    if (DRAWN.every(there)) window.benchReady = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""
"""Notes the first frame in which everything that is waited for has drawn, and the long tasks of the main thread."""


@contextmanager
def opened(browser: Browser, url: str, script: str = "") -> Iterator[Page]:
    """Yield a page in a fresh context, 1366 x 900, without the policy against the scripts that Playwright waits by."""
    context = browser.new_context(viewport={"width": 1366, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    if script:
        page.add_init_script(script)
    page.goto(url)
    yield page
    context.close()


@dataclass(slots=True)
class Visit:
    """What one load of a page cost: seconds, DOM nodes, milliseconds, bytes by URL."""

    usable: float = 0.0
    nodes: int = 0
    longest: float = 0.0
    responses: dict[str, float] = field(default_factory=dict)

    @property
    def bytes(self) -> float:
        """Bytes on the wire, headers too."""
        return sum(self.responses.values())


def visit(browser: Browser, url: str, drawn: list[str], *, wait: float = 60.0) -> Visit:
    """Open a page in a fresh context, until all of `drawn` (selectors) is there and two seconds more."""
    from playwright.sync_api import Error

    seen = Visit()
    context = browser.new_context(viewport={"width": 1366, "height": 900}, bypass_csp=True)
    tab = context.new_page()
    tab.set_default_timeout(1e3 * wait)
    tab.add_init_script(_READY.replace("DRAWN", json.dumps(drawn)))
    wire = context.new_cdp_session(tab)
    names: dict[str, str] = {}

    def received(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["response"]["url"]
        seen.responses.setdefault(event["response"]["url"], 0.0)

    def finished(event: dict[str, Any]) -> None:
        if event["requestId"] in names:
            seen.responses[names[event["requestId"]]] += event["encodedDataLength"]

    wire.on("Network.responseReceived", received)
    wire.on("Network.loadingFinished", finished)
    wire.send("Network.enable")
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        tab.goto(url)
        tab.wait_for_function("window.benchReady !== undefined")
    except Error as error:
        heard = "; ".join(complaints) or "it raised no error"
        raise RuntimeError(f"the page was not usable within {wait:g} s: {heard}") from error
    tab.wait_for_timeout(2_000)
    seen.usable = tab.evaluate("window.benchReady") / 1e3
    seen.nodes = tab.evaluate("document.querySelectorAll('*').length")
    seen.longest = tab.evaluate("Math.max(0, ...window.benchTasks)")
    context.close()
    return seen
