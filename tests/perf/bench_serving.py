"""`serve-model` under load by a real client, beside a plain service without batches in the same run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perf_rows import Row, Run, Sample, at_least_times, benchmark

CONCURRENCIES = (1, 8, 32)
REQUESTS = 480
SIZE = {"INPUT.SIZE_TRAIN": [128, 64], "INPUT.SIZE_TEST": [128, 64]}


@contextmanager
def _plain(model: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("plain_service.py")), str(model), str(port)]
    with subprocess.Popen(command, env=dict(os.environ)) as server:
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait(port: int) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the plain service did not start")


def _load(url: str, bodies: list[bytes], concurrency: int, requests: int) -> tuple[list[float], float]:
    """Milliseconds of each request, and images a second."""
    import asyncio

    import httpx

    async def go() -> tuple[list[float], float]:
        took: list[float] = []
        numbers = iter(range(requests))
        limits = httpx.Limits(max_connections=concurrency)
        async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:

            async def one() -> None:
                for number in numbers:
                    began = time.perf_counter()
                    answer = await client.post("/embed", content=bodies[number % len(bodies)])
                    assert answer.status_code == 200, answer.text
                    took.append(1000 * (time.perf_counter() - began))

            began = time.perf_counter()
            await asyncio.gather(*(one() for _ in range(concurrency)))
            return took, requests / (time.perf_counter() - began)

    return asyncio.run(go())


def _rows() -> Iterator[Row]:
    for concurrency in CONCURRENCIES:
        who = f"{concurrency} client{'s' * (concurrency > 1)}"
        budget = at_least_times(1.0) if concurrency == max(CONCURRENCIES) else None
        yield Row(f"serve-model, {who}: images per second", "1/s", budget, peer="a plain unbatched service")
        yield Row(f"serve-model, {who}: p50", "ms", peer="a plain unbatched service")
        yield Row(f"serve-model, {who}: p99", "ms", peer="a plain unbatched service")


@benchmark(*_rows(), slow=True)
def load(run: Run) -> tuple[Sample, ...]:
    import numpy as np
    from model_server import Place, running
    from small_model import small_model, some_people

    model = small_model(run.folder / "run", settings={**SIZE, "MODEL.BACKBONE.DEPTH": "1.0x"})
    bodies = [path.read_bytes() for path in some_people(run.folder / "people")]
    place = Place(model, [], run.folder, run.folder / "home")
    requests = run.size(REQUESTS, 64)
    samples: list[Sample] = []
    with running(place) as served, _plain(model) as plain:
        for concurrency in CONCURRENCIES:
            for url in (served.url, plain):
                _load(url, bodies, concurrency, max(2 * concurrency, 16))  # warm
            speeds, times = [[], []], [[], []]
            for _ in range(3):  # in turn: what else the machine does meets both
                for side, url in enumerate((served.url, plain)):
                    took, speed = _load(url, bodies, concurrency, requests // 3)
                    times[side] += took
                    speeds[side].append(speed)
            samples.append(Sample(speeds[0], speeds[1]))
            samples += [
                Sample([float(np.percentile(times[0], share))], [float(np.percentile(times[1], share))])
                for share in (50, 99)
            ]
    return tuple(samples)
