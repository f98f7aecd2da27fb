"""Lists of an inspection against plain loops over the definition."""

import numpy as np
import pytest

from reid_core.evaluation import Labels, rank_blocks, rank_distances
from reid_core.evaluation.embedding_map import chosen_points, embedding_maps, missing_method
from reid_core.evaluation.inspection import NOTHING, ListsCollector, Mark, confusions


def problem(seed, queries=17, gallery=60, identities=5, cameras=3, ties=False):
    rng = np.random.default_rng(seed)
    distances = rng.random((queries, gallery)).astype(np.float32)
    if ties:
        distances = np.round(distances, 1)
    labels = Labels(
        rng.integers(identities + 1, size=queries),  # the last one stands in no gallery
        rng.integers(identities, size=gallery),
        rng.integers(cameras, size=queries),
        rng.integers(cameras, size=gallery),
    )
    return distances, labels


def by_loops(row, labels, query, top):
    """(position, mark) in order, up to the `top` images that count; those left out among them, at most `top`."""
    listed, counted, left = [], 0, 0
    order = sorted(range(row.size), key=lambda place: (row[place], place))
    for place in order:
        same = labels.gallery_pids[place] == labels.query_pids[query]
        if same and labels.gallery_camids[place] == labels.query_camids[query]:
            left += 1
            if left <= top:
                listed.append((place, Mark.LEFT_OUT))
            continue
        counted += 1
        listed.append((place, Mark.RIGHT if same else Mark.WRONG))
        if counted == top:
            break
    return listed


def collected(distances, labels, top):
    collector = ListsCollector(labels, top=top)
    blocks = ((slice(at, at + 4), np.array(distances[at : at + 4])) for at in range(0, len(distances), 4))
    return rank_blocks(collector.watch(blocks), labels), collector.result()


@pytest.mark.parametrize("top", [1, 5, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_lists_are_those_of_plain_loops(seed, top):
    distances, labels = problem(seed)
    _, lists = collected(distances, labels, top)
    for query, row in enumerate(distances):
        expected = by_loops(row, labels, query, top)
        length = len(expected)
        shown = list(zip(lists.positions[query, :length].tolist(), lists.marks[query, :length].tolist(), strict=True))
        assert shown == [(place, int(mark)) for place, mark in expected]
        assert lists.distances[query, :length].tolist() == [row[place] for place, _ in expected]
        assert set(lists.positions[query, length:].tolist()) <= {NOTHING}


def test_equal_distances_stand_in_gallery_order():
    distances, labels = problem(3, ties=True)
    _, lists = collected(distances, labels, 7)
    for query, row in enumerate(distances):
        counted = [place for place, mark in by_loops(row, labels, query, 7) if mark is not Mark.LEFT_OUT]
        kept = lists.marks[query] != Mark.LEFT_OUT
        assert [place for place in lists.positions[query][kept].tolist() if place >= 0] == counted


def test_watching_changes_no_ranking():
    distances, labels = problem(4)
    ranking, _ = collected(distances, labels, 5)
    plain = rank_distances(distances, labels)
    assert np.array_equal(ranking.ap, plain.ap, equal_nan=True)
    assert np.array_equal(ranking.first_hit, plain.first_hit)


def test_hardest_images_are_the_nearest_wrong_and_the_farthest_right():
    distances, labels = problem(5)
    _, lists = collected(distances, labels, 3)
    for query, row in enumerate(distances):
        same = labels.gallery_pids == labels.query_pids[query]
        right = np.flatnonzero(same & (labels.gallery_camids != labels.query_camids[query]))
        wrong = np.flatnonzero(~same)
        assert lists.nearest_wrong[query] == wrong[np.argmin(row[wrong])]
        assert lists.farthest_right[query] == (right[np.argmax(row[right])] if right.size else NOTHING)


def test_confusions_count_the_first_image_that_counts():
    distances, labels = problem(6)
    _, lists = collected(distances, labels, 4)
    expected = {}
    for query, row in enumerate(distances):
        first, mark = next(one for one in by_loops(row, labels, query, 4) if one[1] is not Mark.LEFT_OUT)
        if mark is Mark.WRONG:
            pair = (int(labels.query_pids[query]), int(labels.gallery_pids[first]))
            expected[pair] = expected.get(pair, 0) + 1
    found = confusions(lists, labels)
    assert {(asked, answered): count for asked, answered, count in found} == expected
    assert [count for *_, count in found] == sorted(expected.values(), reverse=True)


@pytest.mark.slow
def test_maps_are_seeded_and_stay_in_their_frame():
    features = np.random.default_rng(0).normal(size=(40, 16))
    first, second = embedding_maps(features, seed=3), embedding_maps(features, seed=3)
    assert set(first) >= {"pca", "tsne"}
    for name, places in first.items():
        assert places.shape == (40, 2)
        assert places.min() >= 0
        assert places.max() <= 1
        assert np.array_equal(places, second[name])


@pytest.mark.parametrize("count", [0, 1, 4])
def test_few_images_have_no_neighbourhoods(count):
    made = embedding_maps(np.eye(8)[:count])
    assert set(made) == ({"pca"} if count else set())


def test_points_of_a_map_are_drawn_once_each():
    chosen = chosen_points(1000, 50)
    assert len(set(chosen.tolist())) == 50
    assert chosen_points(30, 50).tolist() == list(range(30))


def test_a_method_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr("reid_core.evaluation.embedding_map.find_spec", lambda _: None)
    assert "pip install umap-learn" in missing_method("umap")
    assert missing_method("tsne") == ""
