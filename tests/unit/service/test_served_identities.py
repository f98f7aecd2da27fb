"""Who a served model says it is: by the threshold that the index keeps, and how it names what is no picture."""

import asyncio
import base64
import io
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from dashboards.model_app import create_model_app
from orchestrator.service.image_index.index import calibrate
from orchestrator.service.served_model.service import ModelService, ModelSettings
from reid_core.gallery.items import Item
from reid_core.gallery.writer import create_index, writing

NEW = 80
"""Degrees of a picture that is 20 off the second identity, and more off the first."""


def far(degrees):
    """The cosine distance over an angle."""
    return 1 - np.cos(np.deg2rad(degrees))


def around(degrees):
    turned = np.deg2rad(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], 1).astype(np.float32)


class Compass:
    """An embedder on the unit circle: the red of a picture's one pixel is its angle in degrees."""

    dim, size, name = 2, (1, 1), "compass"
    card = SimpleNamespace(metrics={}, protocol="test")

    def resized(self, image):
        return image

    def embed(self, pixels):
        return around(pixels[:, 0, 0, 0].astype(np.float64))


def picture(degrees):
    made = io.BytesIO()
    Image.new("RGB", (1, 1), (degrees, 0, 0)).save(made, "PNG")
    return made.getvalue()


@pytest.fixture
def index(tmp_path):
    """Two images of each identity. True pairs: 10 and 15 degrees. False ones: 35, 45, 50 and 60."""
    create_index(tmp_path / "index", 2, model="compass")
    with writing(tmp_path / "index") as writer:
        writer.add(around([0, 10, 45, 60]), [Item(f"{n}.png", pid) for n, pid in enumerate("1122")])
    return tmp_path / "index"


def asked(tmp_path, path, index=None, settings=None, **request):
    """The answer to one request of a fresh service."""
    service = ModelService(Compass(), index, settings)

    async def ask():
        app = create_model_app(service, home=tmp_path)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as web:
            return await web.post(path, **request)

    try:
        return asyncio.run(ask())
    finally:
        service.close()


@pytest.mark.parametrize(("fpr", "degrees", "pid"), [(1e-3, 15, None), (0.25, 35, "2")])
def test_without_a_threshold_that_of_the_index_decides(tmp_path, index, fpr, degrees, pid):
    """No false pair: up to the farthest true one below them all. A quarter of them: up to those of 35 degrees."""
    kept = calibrate(index, fpr=fpr)
    assert (kept.threshold, kept.fpr, kept.tpr) == (pytest.approx(far(degrees), abs=1e-6), fpr, 1)
    (found,) = asked(tmp_path, "/identify", index, content=picture(NEW)).json()["people"]
    assert (found["pid"], found["nearest"], found["file"]) == (pid, "2", "3.png")
    assert found["threshold"] == pytest.approx(kept.threshold)
    assert found["distance"] == pytest.approx(far(20), abs=1e-6)
    assert found["next_distance"] == pytest.approx(far(70), abs=1e-6)


@pytest.mark.slow
def test_what_the_request_says_goes_before_what_the_service_was_told_and_the_index_keeps(tmp_path, index):
    calibrate(index)
    wide = ModelSettings(threshold=0.5)
    (found,) = asked(tmp_path, "/identify", index, wide, content=picture(NEW)).json()["people"]
    assert (found["pid"], found["threshold"]) == ("2", 0.5)
    (found,) = asked(tmp_path, "/identify?threshold=0.01", index, wide, content=picture(NEW)).json()["people"]
    assert (found["pid"], found["threshold"]) == (None, 0.01)


def test_where_nobody_kept_one_it_is_asked_for(tmp_path, index):
    answer = asked(tmp_path, "/identify", index, content=picture(NEW))
    assert answer.status_code == 422
    assert "nobody said up to which distance" in answer.json()["error"]["message"]


@pytest.mark.parametrize("torn", [b"no picture", b"", picture(0)[:20]])
def test_what_is_no_picture_is_named_by_its_number(tmp_path, torn):
    sent = [base64.b64encode(data).decode() for data in (picture(0), torn)]
    for request, name, key in (
        ({"content": torn}, "image 1", "images.0"),
        ({"json": {"images": sent}}, "image 2", "images.1"),
    ):
        answer = asked(tmp_path, "/embed", **request)
        assert answer.status_code == 422
        assert "0x" not in answer.text
        assert "BytesIO" not in answer.text
        (finding,) = answer.json()["error"]["findings"]
        assert (finding["file"], finding["key"], finding["code"]) == (name, key, "corrupt-image")
