"""`reid-tune serve-model` as a program asks it: a real process, real HTTP."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from model_server import running
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.service.served_model.spread import drift_view
from reid_core.gallery.index import open_index


@pytest.fixture(scope="module")
def offline(place):
    """What the model says without any server."""
    from reid_core.embedder import open_embedder

    return open_embedder(place.model, threads=1).embed_files(place.images)


def test_answers_are_those_of_the_offline_model_however_they_are_batched(served, place, offline):
    with httpx.Client(base_url=served.url, timeout=60) as client, ThreadPoolExecutor(8) as pool:

        def ask(path):
            return client.post("/embed", content=path.read_bytes(), headers={"content-type": "image/png"}).json()

        alone = [one["embeddings"][0] for one in pool.map(ask, place.images)]
        several = [base64.b64encode(path.read_bytes()).decode() for path in place.images]
        together = client.post("/embed", json={"images": several}).json()["embeddings"]
    assert np.abs(np.array(alone) - offline).max() < 1e-5
    assert np.abs(np.array(together) - offline).max() < 1e-5


def test_search_and_identify_find_the_image_itself(served, place):
    body = place.images[4].read_bytes()
    found = httpx.post(f"{served.url}/search?top=3", content=body).json()
    (query,) = found["queries"]
    assert [len(query["hits"]), query["hits"][0]["file"], query["hits"][0]["pid"]] == [3, str(place.images[4]), "1"]
    assert query["hits"][0]["distance"] < 1e-5
    assert query["hits"][0]["fields"] == {"shift": "0"}
    reranked = httpx.post(f"{served.url}/search?top=3&rerank=true", content=body).json()["queries"][0]["hits"]
    assert len(reranked) == 3
    known = httpx.post(f"{served.url}/identify?threshold=0.001", content=body).json()["people"][0]
    assert (known["pid"], known["threshold"]) == ("1", 0.001)
    kept = open_index(place.index).state.threshold
    by_default = httpx.post(f"{served.url}/identify", content=body).json()["people"][0]
    assert (by_default["pid"], by_default["threshold"]) == ("1", kept.distance)
    assert kept.fpr == 1e-3
    noise = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(noise, "PNG")
    unknown = httpx.post(f"{served.url}/identify?threshold=0", content=noise.getvalue()).json()["people"][0]
    assert unknown["pid"] is None
    assert unknown["nearest"]


def test_what_is_added_to_the_index_is_found_without_a_restart(served, place):
    from reid_core.gallery.items import Item
    from reid_core.gallery.writer import writing

    body = place.images[0].read_bytes()
    row = np.array(httpx.post(f"{served.url}/embed", content=body).json()["embeddings"], np.float32)
    with writing(place.index) as writer:
        writer.remove([open_index(place.index).search(row, 1).ids[0, 0]])
        writer.add(row, [Item("late.png", "late")])

    def nearest():
        return httpx.post(f"{served.url}/search?top=1", content=body).json()["queries"][0]["hits"][0]["file"]

    with httpx.Client() as client:
        assert any(nearest() == "late.png" or client.get(f"{served.url}/readyz").is_error for _ in range(400))


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"no picture", {}, "corrupt-image"),
        (b"", {}, "corrupt-image"),
        (b"{", {"content-type": "application/json"}, "bad-body"),
        (b'{"images": ["%%"]}', {"content-type": "application/json"}, "bad-body"),
    ],
)
def test_bodies_that_are_no_pictures_are_refused(served, body, headers, code):
    answer = httpx.post(f"{served.url}/embed", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"]["findings"][0]["code"] == code


def test_a_decompression_bomb_is_refused_before_it_is_decoded(served):
    bomb = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 200_000
    answer = httpx.post(f"{served.url}/embed", content=bomb.getvalue())
    assert answer.status_code == 422
    assert answer.json()["error"]["findings"][0]["code"] == "image-too-large"


def test_too_many_images_and_too_large_bodies_are_refused(served, place):
    one = base64.b64encode(place.images[0].read_bytes()).decode()
    assert httpx.post(f"{served.url}/embed", json={"images": [one] * 65}).status_code == 422
    assert httpx.post(f"{served.url}/embed", content=bytes(17 * 1024**2)).status_code == 413


def test_health_model_metrics_and_openapi(served, place):
    assert httpx.get(f"{served.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{served.url}/readyz").json() == {"status": "ready"}
    model = httpx.get(f"{served.url}/model").json()
    assert (model["dim"], model["size"], model["rows"]) == (1280, [32, 32], 20)
    httpx.post(f"{served.url}/embed", content=place.images[0].read_bytes())
    families = {one.name: one for one in text_string_to_metric_families(httpx.get(f"{served.url}/metrics").text)}
    assert families["reid_tune_model_images"].samples[0].value >= 1
    assert "reid_tune_http_seconds" in families
    paths = httpx.get(f"{served.url}/openapi.json").json()["paths"]
    assert set(paths) >= {"/embed", "/search", "/identify", "/model", "/healthz", "/readyz", "/metrics"}
    assert "image/*" in paths["/embed"]["post"]["requestBody"]["content"]


def test_a_token_closes_all_but_health_and_stopping_finishes_and_notes_what_was_asked(place):
    token = "a-token-that-nobody-guesses"
    before = drift_view(place.index).observed if (place.index / "asked.json").exists() else 0
    with running(place, "--index", str(place.index), "--token", token) as server:
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        for path in ("/model", "/metrics", "/openapi.json"):
            assert httpx.get(server.url + path).status_code == 401
        body = place.images[0].read_bytes()
        wrong = httpx.post(f"{server.url}/embed", content=body, headers={"authorization": "Bearer no"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "unauthorized")
        right = {"authorization": f"Bearer {token}"}
        assert httpx.post(f"{server.url}/search", content=body, headers=right).status_code == 200
        assert server.stop() in {0, -15}
    told = json.loads((place.index / "asked.json").read_text())
    assert sum(sum(window["counts"]) for window in told["windows"]) >= before + 1
    assert drift_view(place.index).verdict in {"too few", "stable", "watch", "drift"}


def test_beyond_loopback_it_wants_a_token_and_a_foreign_index_is_refused(place, tmp_path):
    from click.testing import CliRunner

    from orchestrator.cli.serve_model import serve_model_command
    from reid_core.errors import Conflict, UsageError
    from reid_core.gallery.writer import create_index

    create_index(tmp_path / "foreign", 1280, model="another")
    words = [str(place.model), "--port", "0", "--threads", "1"]
    open_host = CliRunner().invoke(serve_model_command, [*words, "--host", "0.0.0.0"])
    assert isinstance(open_host.exception, UsageError)
    foreign = CliRunner().invoke(serve_model_command, [*words, "--index", str(tmp_path / "foreign")])
    assert isinstance(foreign.exception, Conflict)
