"""The pages and the API of a study of 10,000 trials, from the real server to a real client."""

from __future__ import annotations

from perf_rows import Row, Run, Sample, at_most, benchmark, seconds

_PEER = "optuna-dashboard, same trials"


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
    Row("study page at 10,000 trials: usable", "s", at_most(1.5), _PEER),
    Row("study page at 10,000 trials: on the wire", "MB", at_most(1), _PEER),
    Row("study page at 10,000 trials: DOM nodes", "nodes", at_most(1_500), _PEER),
    Row("study page at 10,000 trials: longest task", "ms", at_most(200), _PEER),
    timeout=1800,
)
def page(run: Run) -> tuple[Sample, ...]:
    """Chromium without a cache opens the page; the server has read the log once. Usable: every island has drawn."""
    import httpx
    from chromium import browsing
    from perf_browser import STUDY_DRAWN, visit
    from perf_optuna_dashboard import optuna_visit
    from perf_server import large_home, serving

    trials = run.size(10_000, 300)
    home = run.folder / "home"
    home.mkdir()
    study = large_home(home, trials)
    with browsing() as browser:
        with serving(home) as address:
            httpx.get(f"{address}/api/v1/studies/{study}", timeout=300).raise_for_status()
            visits = [visit(browser, f"{address}/studies/{study}", STUDY_DRAWN) for _ in range(run.size(5, 2))]
        peer = optuna_visit(browser, run.folder / "optuna", home, trials)
    biggest = max(visits[-1].responses.items(), key=lambda entry: entry[1])
    path = biggest[0].removeprefix(address).replace(study, "ID")
    note = f"{len(visits)} loads, 1366 x 900; the peer loads once"
    return (
        Sample([each.usable for each in visits], [peer.usable], note=note),
        Sample(
            [each.bytes / 1e6 for each in visits],
            [peer.bytes / 1e6],
            note=f"largest: {path} with {biggest[1] / 1e6:.2f} MB",
        ),
        Sample([float(each.nodes) for each in visits], [float(peer.nodes)]),
        Sample(
            [each.longest for each in visits],
            [peer.longest],
            note="PerformanceObserver longtask, until 2 s after usable",
        ),
    )
