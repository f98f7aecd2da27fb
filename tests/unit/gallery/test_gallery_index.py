"""The index finds what is near, keeps what it knows of it, and refuses what does not fit."""

import json
import threading

import numpy as np
import pytest

from reid_core.errors import Conflict, DataError, NotFound
from reid_core.evaluation.distance import distance_matrix
from reid_core.gallery import manifest
from reid_core.gallery.index import open_index
from reid_core.gallery.items import Item
from reid_core.gallery.structure import kind_for
from reid_core.gallery.writer import create_index, writing

DIM = 16


def vectors(count, seed=0):
    made = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def items(count, start=0):
    return [Item(f"{n}.jpg", str(n % 7), n % 3, {"n": n}) for n in range(start, start + count)]


def filled(folder, count=300, **options):
    create_index(folder, DIM, model="m", **options)
    with writing(folder) as writer:
        writer.add(vectors(count), items(count))
    return open_index(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivfpq"])
def test_search_equals_the_distances_of_the_engine(tmp_path, kind):
    index = filled(tmp_path / "i", kind=kind)
    queries = vectors(5, seed=1)
    hits = index.search(queries, 10, whole=True)
    full = distance_matrix(queries, vectors(300))
    assert np.array_equal(hits.ids, np.argsort(full, axis=1, kind="stable")[:, :10])
    assert np.allclose(hits.distances, np.sort(full, axis=1)[:, :10], atol=1e-6)
    near = index.search(queries, 10)
    same = [len(set(a) & set(b)) for a, b in zip(near.ids.tolist(), hits.ids.tolist(), strict=True)]
    assert sum(same) >= 0.8 * 50
    assert np.all(np.diff(near.distances, axis=1) >= 0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivfpq"])
def test_what_is_removed_is_not_found_and_what_is_added_is(tmp_path, kind):
    folder = tmp_path / "i"
    index = filled(folder, kind=kind)
    nearest = int(index.search(vectors(1, seed=1), 1).ids[0, 0])
    with writing(folder) as writer:
        assert writer.remove([nearest, 999_999]) == 1
        assert writer.remove([nearest]) == 0
        assert list(writer.add(vectors(1, seed=1), [Item("new.jpg")])) == [300]
    now = open_index(folder)
    ids = now.search(vectors(1, seed=1), 10).ids[0].tolist()
    assert ids[0] == 300
    assert nearest not in ids
    assert len(now) == 300
    assert now.item(300).file == "new.jpg"
    assert now.item(5) == Item("5.jpg", "5", 2, {"n": 5})


@pytest.mark.slow
def test_an_open_index_stays_as_it_was_while_a_writer_changes_everything(tmp_path):
    folder = tmp_path / "i"
    index = filled(folder)
    before = index.search(vectors(4, seed=2), 7)
    with writing(folder) as writer:
        writer.remove(range(200))
        for start in range(300, 318):
            writer.add(vectors(1, seed=start), items(1, start))
    after = index.search(vectors(4, seed=2), 7)
    assert np.array_equal(before.ids, after.ids)
    assert index.item(3).file == "3.jpg"
    fresh = index.refreshed()
    assert fresh is not index
    assert len(fresh) == 118
    assert fresh.refreshed() is fresh
    assert fresh.ids[0] == 200  # ids are never given twice
    assert fresh.item(317).fields == {"n": 317}
    assert sorted(path.name for path in folder.glob("segment-*")) == sorted(s.folder for s in fresh.state.segments)


def test_fewer_vectors_than_asked_for_leave_empty_places(tmp_path):
    index = filled(tmp_path / "i", count=3)
    hits = index.search(vectors(1, seed=1), 5)
    assert hits.ids[0, 3:].tolist() == [-1, -1]
    assert np.isinf(hits.distances[0, 3:]).all()


def test_re_ranking_reorders_the_candidates(tmp_path):
    rng = np.random.default_rng(3)
    centres = vectors(10, seed=5)
    gallery = centres.repeat(12, axis=0) + 0.25 * rng.normal(size=(120, DIM)).astype(np.float32)
    create_index(tmp_path / "i", DIM)
    with writing(tmp_path / "i") as writer:
        writer.add(gallery, [Item(pid=str(n // 12)) for n in range(120)])
    index = open_index(tmp_path / "i")
    query = centres[:4] + 0.3 * rng.normal(size=(4, DIM)).astype(np.float32)
    plain, again = index.search(query, 12), index.reranked(query, 12)
    right = [sum(index.item(i).pid == str(row) for row, ids in enumerate(h.ids) for i in ids) for h in (plain, again)]
    assert right[1] >= right[0]
    assert not np.array_equal(plain.ids, again.ids)


def test_another_models_vectors_are_refused(tmp_path):
    index = filled(tmp_path / "i")
    index.check_model("m")
    index.check_model("")
    with pytest.raises(Conflict, match="not of other"):
        index.check_model("other")


def test_wrong_widths_and_vectors_without_direction_are_refused_and_change_nothing(tmp_path):
    folder = tmp_path / "i"
    index = filled(folder)
    with pytest.raises(DataError):
        index.search(np.ones((1, DIM + 1), np.float32))
    for wrong in (np.ones((2, DIM + 1)), np.zeros((2, DIM)), np.full((2, DIM), np.nan)):
        with pytest.raises(DataError), writing(folder) as writer:
            writer.add(wrong, items(2))
    assert len(open_index(folder)) == 300


@pytest.mark.parametrize("number", [0.0, np.nan, np.inf])
def test_queries_without_direction_are_refused_as_data(tmp_path, number):
    index = filled(tmp_path / "i", 5)
    for search in (index.search, index.reranked):
        with pytest.raises(DataError, match="no direction"):
            search(np.full((1, DIM), number, np.float32), 3)


@pytest.mark.slow
def test_a_second_writer_is_told_or_waits(tmp_path):
    folder = tmp_path / "i"
    filled(folder)
    with writing(folder) as writer:
        with pytest.raises(Conflict, match="another process"), writing(folder, wait=0.0):
            pass
        came = threading.Event()

        def second():
            with writing(folder, wait=30.0) as other:
                other.add(vectors(1, seed=9), [Item("second.jpg")])
            came.set()

        waiting = threading.Thread(target=second)
        waiting.start()
        writer.add(vectors(1, seed=8), [Item("first.jpg")])
    assert came.wait(30)
    waiting.join()
    assert {"first.jpg", "second.jpg"} <= open_index(folder).files()


def test_no_index_a_torn_one_and_one_that_is_there_already(tmp_path):
    with pytest.raises(NotFound):
        open_index(tmp_path)
    filled(tmp_path / "i", count=2)
    with pytest.raises(Conflict):
        create_index(tmp_path / "i", DIM)
    (tmp_path / "i" / manifest.MANIFEST).write_text("{")
    with pytest.raises(DataError, match="no index of this version"):
        open_index(tmp_path / "i")


def test_size_chooses_the_structure_and_its_recall_is_kept(tmp_path):
    assert [kind_for(rows) for rows in (10, 100_000, 1_000_000)] == ["flat", "hnsw", "ivfpq"]
    index = filled(tmp_path / "i", kind="hnsw")
    mark = index.state.structure
    assert mark.kind == "hnsw"
    assert mark.recall > 0.9
    assert sum(index.state.spread) == mark.sample == 200
    assert json.loads((tmp_path / "i" / "index.json").read_text())["structure"]["rows"] == 300
