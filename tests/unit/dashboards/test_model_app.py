"""The served model's application where a real server cannot be brought on purpose: full, or without an index."""

import asyncio
import io
import threading
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from dashboards.model_app import create_model_app
from orchestrator.service.served_model.service import ModelService, ModelSettings


class Slow:
    """An embedder that waits to be let go, after its first image."""

    dim, size, name = 3, (2, 2), "slow"
    card = SimpleNamespace(metrics={"mAP": 0.5}, protocol="test")

    def __init__(self):
        self.open, self.inside, self.warm = threading.Event(), threading.Event(), False

    def resized(self, image):
        return image

    def embed(self, pixels):
        if self.warm:
            self.inside.set()
            assert self.open.wait(30)
        self.warm = True
        return np.ones((len(pixels), 3), np.float32)


def _until_one_waits(service):
    while not service.batches.waiting:
        pass


def png():
    made = io.BytesIO()
    Image.new("RGB", (2, 2)).save(made, "PNG")
    return made.getvalue()


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def service(slow):
    made = ModelService(slow, None, ModelSettings(max_batch=1, max_delay=0.0, queue=1))
    yield made
    slow.open.set()
    made.close()


def client(service, tmp_path):
    app = create_model_app(service, home=tmp_path)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


@pytest.mark.slow
def test_a_full_queue_answers_429_and_when_to_come_again(service, slow, tmp_path):
    async def ask():
        async with client(service, tmp_path) as web:
            first = asyncio.create_task(web.post("/embed", content=png()))
            await asyncio.to_thread(slow.inside.wait, 30)
            second = asyncio.create_task(web.post("/embed", content=png()))
            await asyncio.to_thread(_until_one_waits, service)
            third = await web.post("/embed", content=png())
            slow.open.set()
            return [await first, await second, third]

    first, second, third = asyncio.run(ask())
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
    assert int(third.headers["retry-after"]) >= 1
    assert third.json()["error"]["code"] == "too-many-requests"


def test_without_an_index_search_says_so(service, slow, tmp_path):
    slow.open.set()

    async def ask():
        async with client(service, tmp_path) as web:
            return await web.post("/search", content=png()), await web.get("/model")

    search, model = asyncio.run(ask())
    assert search.status_code == 422
    assert "no index" in search.json()["error"]["message"]
    assert model.json()["rows"] is None


def test_nothing_is_written_to_the_audit_log_by_asking(service, slow, tmp_path):
    slow.open.set()

    async def ask():
        async with client(service, tmp_path) as web:
            return await web.post("/embed", content=png())

    assert asyncio.run(ask()).status_code == 200
    assert not list(tmp_path.rglob("*audit*"))
