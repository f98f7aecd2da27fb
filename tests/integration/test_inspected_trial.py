"""Inspections of really trained trials: built once, rebuilt when torn, one at a time, images behind rules."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from filelock import FileLock
from inspected_study import NAME, train_study
from PIL import Image

from dashboards.app import create_app
from orchestrator.service.confined import Roots
from orchestrator.service.inspection.gallery import Galleries
from orchestrator.service.inspection.images import ImageSize
from orchestrator.service.inspection.views import InspectionState, QueryOrder, QueryWish
from orchestrator.service.people import People, Role
from orchestrator.service.service import Service
from reid_core import api
from reid_core.config import load_config
from reid_core.engine.inspection_folder import ARRAYS, WORDS, read_inspection, write_inspection
from reid_core.engine.inspection_images import InspectionImages
from reid_core.errors import Conflict, InvalidInput, NotFound, UsageError

pytestmark = pytest.mark.slow

THUMB = "/api/v1/studies/tiny/trials/1/inspection/images/0?size=thumb"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home with the study; its trials 1 and 2 are inspected."""
    folder = tmp_path_factory.mktemp("inspected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REID_TUNE_HOME", str(folder / "home"))
        patch.delenv("REID_TUNE_STORE", raising=False)
        train_study(folder)
        service = Service(folder / "home")
        galleries = Galleries(service)
        for trial in (1, 2):
            galleries.inspections.build(NAME, trial)
        yield service
        service.close()


@pytest.fixture
def galleries(trained):
    trained.roots = None
    return Galleries(trained)


@pytest.fixture
def folder(trained):
    return Path(trained.trial(NAME, 1).directory) / "inspection"


def test_its_metrics_are_those_that_the_trial_reported(trained, galleries):
    found = galleries.gallery(NAME, 1)
    reported = trained.trial(NAME, 1).metrics
    assert {name: reported[name] for name in found.metrics} == pytest.approx(found.metrics)
    assert found.looked.state is InspectionState.READY
    aps = [row.ap for row in galleries.queries(NAME, 1, QueryWish(size=100)).rows]
    assert aps == sorted(aps)
    assert np.mean(aps) == pytest.approx(reported["mAP"])


def test_a_finished_one_is_read_and_not_built_again(galleries, folder):
    before = (folder / WORDS).stat().st_mtime_ns
    galleries.inspections.build(NAME, 1)
    assert galleries.start(NAME, 1).state is InspectionState.READY
    assert (folder / WORDS).stat().st_mtime_ns == before


@pytest.mark.parametrize("file", [ARRAYS, WORDS])
def test_a_torn_one_is_none_and_is_built_again(galleries, folder, file):
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[: len(whole) // 2])
    assert read_inspection(folder) is None
    assert Galleries(galleries.inspections._service).look(NAME, 1).state is InspectionState.NONE
    galleries.inspections.build(NAME, 1)
    assert read_inspection(folder) is not None
    assert sorted(path.name for path in folder.parent.glob("*inspection*")) == ["inspection"]


def test_another_version_or_pickled_arrays_are_none(folder, tmp_path):
    found = read_inspection(folder)
    write_inspection(tmp_path / "one", found)
    words = json.loads((tmp_path / "one" / WORDS).read_text())
    (tmp_path / "one" / WORDS).write_text(json.dumps({**words, "version": 0}))
    assert read_inspection(tmp_path / "one") is None
    np.savez(tmp_path / "pickled.npz", label=np.array([{}], dtype=object))
    packed = (tmp_path / "pickled.npz").read_bytes()
    (tmp_path / "one" / ARRAYS).write_bytes(packed)
    digest = hashlib.sha256(packed).hexdigest()
    (tmp_path / "one" / WORDS).write_text(json.dumps({**words, "arrays": digest}))
    assert read_inspection(tmp_path / "one") is None


def test_an_earlier_checkpoints_inspection_is_stale(galleries, folder):
    found = read_inspection(folder)
    try:
        write_inspection(folder, replace(found, words=replace(found.words, checkpoint="0" * 64)))
        assert galleries.look(NAME, 1).state is InspectionState.STALE
    finally:
        write_inspection(folder, found)


def test_one_is_built_at_a_time(galleries, trained, folder):
    lock = FileLock(trained.home.root / "inspection" / "lock")
    with lock, pytest.raises(Conflict, match="one at a time"):
        galleries.inspections.build(NAME, 2, top=30)


def test_what_cannot_be_inspected_says_why(galleries, trained):
    assert not galleries.look(NAME, None).possible
    with pytest.raises(NotFound, match="not retrained"):
        galleries.start(NAME, None)
    with pytest.raises(NotFound, match="no trial 99"):
        galleries.look(NAME, 99)
    with pytest.raises(UsageError, match="not for this task"):
        api.inspect(
            load_config("classification", [("DATASETS.ROOT", "synthetic")]).config,
            Path(trained.trial(NAME, 1).checkpoint),
            trained.home.root / "none",
        )


def test_two_trials_are_compared_query_by_query(galleries):
    change = galleries.change(NAME, 2, against=1)
    total = galleries.queries(NAME, 2, QueryWish()).total
    assert change.improved + change.worse + change.same == total
    improved = galleries.queries(NAME, 2, QueryWish(order=QueryOrder.IMPROVED), against=1)
    assert improved.total == change.improved
    gains = [one.ap - other.ap for one, other in zip(improved.rows, improved.others, strict=True)]
    assert all(gain > 0 for gain in gains)
    assert gains == sorted(gains, reverse=True)
    with pytest.raises(InvalidInput, match="compares two trials"):
        galleries.queries(NAME, 2, QueryWish(order=QueryOrder.WORSE))


def test_queries_are_filtered_and_paged(galleries):
    every = galleries.queries(NAME, 1, QueryWish(size=100)).rows
    camera = every[0].camera
    wanted = [row.query for row in every if row.camera == camera and row.identity == every[0].identity]
    found = galleries.queries(NAME, 1, QueryWish(size=100, camera=camera, identity=every[0].identity))
    assert [row.query for row in found.rows] == wanted
    pages = [galleries.queries(NAME, 1, QueryWish(size=3, page=page)) for page in (1, 2)]
    assert [row.query for page in pages for row in page.rows] == [row.query for row in every[:6]]
    assert galleries.queries(NAME, 1, QueryWish(low=1.0, high=0.9)).total == 0


def test_images_come_by_number_and_are_drawn_at_both_sizes(galleries):
    for size, height in ((ImageSize.THUMB, 128), (ImageSize.FULL, 384)):
        picture = galleries.image(NAME, 1, 0, size)
        with Image.open(io.BytesIO(picture.body)) as image:
            assert (image.format, image.height) == ("JPEG", height)
    with pytest.raises(NotFound, match="has no image"):
        galleries.image(NAME, 1, 10_000, ImageSize.THUMB)


def test_a_path_written_into_the_inspection_reads_no_file(galleries, folder):
    found = read_inspection(folder)
    paths = ("../../../../../../etc/passwd", *found.words.images[1:])
    try:
        write_inspection(folder, replace(found, words=replace(found.words, images=paths)))
        with pytest.raises(NotFound, match="the data set has no image"):
            galleries.image(NAME, 1, 0, ImageSize.THUMB)
    finally:
        write_inspection(folder, found)


def test_a_link_out_of_the_folders_that_were_opened_is_refused(galleries, trained, tmp_path):
    root, outside = tmp_path / "data", tmp_path / "outside.jpg"
    Image.new("RGB", (16, 32)).save(outside)
    names = {
        "bounding_box_train": [f"{pid:04d}_c{camera}.jpg" for pid in (1, 2) for camera in (1, 2)],
        "query": ["0003_c1.jpg"],
        "bounding_box_test": ["0003_c2.jpg", "0004_c1.jpg"],
    }
    for part, files in names.items():
        (root / part).mkdir(parents=True)
        for name in files:
            (root / part / name).symlink_to(outside)
    images = InspectionImages(load_config("demo", [("DATASETS.ROOT", str(root))]).config)
    assert images.file("query/0003_c1.jpg") == outside
    trained.roots = Roots.of([str(root)], trained.home.root / "studies")
    with pytest.raises(NotFound, match="outside of the folders opened"):
        galleries._images._check(images, "query/0003_c1.jpg")


@pytest.fixture
def web(trained):
    """A server with an operator and a viewer, as clients of their tokens."""
    people = People(trained.home.people)
    tokens = {}
    for name, role in (("olga", Role.OPERATOR), ("vic", Role.VIEWER)):
        if people.find(name) is None:
            people.add(name, role, "a long enough password")
        tokens[name] = people.new_token(name)
    app = create_app(trained)
    with TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
        yield client, {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}


def test_images_need_a_login_and_may_be_kept_by_who_has_one(web):
    client, who = web
    assert client.get(THUMB).status_code == 401
    answer = client.get(THUMB, headers=who["vic"])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = client.get(THUMB, headers={**who["vic"], "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_viewer_looks_and_only_an_operator_inspects(web):
    client, who = web
    place = "/api/v1/studies/tiny/trials/1/inspection"
    assert client.get(place, headers=who["vic"]).json()["state"] == "ready"
    assert client.post(place, headers=who["vic"]).status_code == 403
    assert client.post(place, headers=who["olga"]).json()["state"] == "ready"
    beside = client.get(f"{place}/queries?against=2&size=3", headers=who["vic"]).json()
    assert len(beside["rows"]) == len(beside["others"]) == 3
    page = client.get("/studies/tiny/trials/1/gallery", headers={**who["vic"], "Accept": "text/html"})
    assert page.status_code == 200
    assert '<form method="post"><button' not in page.text


def test_every_tab_and_the_winners_page_render_without_javascript(web):
    client, who = web
    headers = {**who["vic"], "Accept": "text/html"}
    for tab in ("queries", "hardest", "groups", "confusion", "map"):
        assert client.get(f"/studies/tiny/trials/1/gallery?tab={tab}&against=2", headers=headers).status_code == 200
    shown = client.get("/studies/tiny/trials/1/gallery?camera=&low=&high=&query=0", headers=headers).text
    assert "Query 0" in shown
    assert "✕ wrong" in shown or "✓ right" in shown
    assert "is not retrained yet" in client.get("/studies/tiny/winner/gallery", headers=headers).text
    assert client.get("/studies/tiny/trials/1/gallery?tab=none", headers=headers).status_code in {404, 422}


def test_it_is_built_in_a_process_of_its_own(galleries, folder):
    (folder / WORDS).unlink()
    assert galleries.start(NAME, 1).state is InspectionState.BUILDING
    with pytest.raises(Conflict, match="one at a time"):
        galleries.start(NAME, 3)
    record = galleries.inspections._records
    while record.running() is not None:
        assert galleries.look(NAME, 1).state in {InspectionState.BUILDING, InspectionState.READY}
    assert galleries.look(NAME, 1).state is InspectionState.READY
