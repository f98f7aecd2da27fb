"""The validation split: disjoint identities, queries with a match by another camera, the same for the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from reid_core.data.checks import unmatched
from reid_core.data.records import ImageRecord, identities_of
from reid_core.data.split import cut, cut_fingerprint
from reid_core.errors import DataError


def _cut(records, fraction=0.3, seed=0, *, no_cameras=False, **options):
    return cut(records, fraction, seed=seed, no_cameras=no_cameras, purpose="validation split", **options)


def test_every_image_is_trained_on_or_held_out_and_no_identity_both(records):
    parts = _cut(records)
    assert np.array_equal(np.union1d(parts.train, parts.gallery), np.arange(len(records)))
    trained, held = (identities_of(records[index] for index in part) for part in (parts.train, parts.gallery))
    assert not set(trained) & set(held)
    assert len(held) == round(0.3 * 11)


def test_every_query_is_in_the_gallery_and_has_a_match_by_another_camera(records):
    parts = _cut(records)
    assert np.isin(parts.query, parts.gallery).all()
    query, gallery = ([records[index] for index in part] for part in (parts.query, parts.gallery))
    assert unmatched(query, gallery, no_cameras=False) == []


def test_each_camera_of_an_identity_asks_up_to_the_given_number(records):
    parts = _cut(records, queries_per_camera=2)
    asked = Counter((records[index].pid, records[index].camid) for index in parts.query)
    assert len(asked) == 2 * 3
    assert set(asked.values()) == {2}


def test_an_identity_seen_by_one_camera_is_never_held_out(records):
    for seed in range(20):
        held = {records[index].pid for index in _cut(records, 0.8, seed).gallery}
        assert "99" not in held


def test_seed_and_fraction_decide_and_nothing_else(records):
    again, other = _cut(records), _cut(records, seed=1)
    assert np.array_equal(_cut(records).query, again.query)
    assert not np.array_equal(again.gallery, other.gallery)


def test_two_identities_are_held_out_and_two_trained_on_at_least(records):
    for fraction, held in ((0.001, 2), (0.999, 9)):
        parts = _cut(records, fraction)
        assert len(identities_of(records[index] for index in parts.gallery)) == held


def test_without_cameras_an_identity_on_two_images_can_be_a_query(records):
    parts = _cut(records, 0.99, no_cameras=True, queries_per_camera=1)
    asked = [records[index].pid for index in parts.query]
    assert len(set(asked)) == len(asked) == 9


def test_fingerprint_changes_with_the_split_and_the_camera_rule(records):
    parts, other = _cut(records), _cut(records, seed=1)
    prints = {
        cut_fingerprint(records, parts, no_cameras=False),
        cut_fingerprint(records, other, no_cameras=False),
        cut_fingerprint(records, parts, no_cameras=True),
    }
    assert len(prints) == 3
    assert cut_fingerprint(records, _cut(records), no_cameras=False) in prints


def test_too_few_identities_are_refused_by_number():
    three = [ImageRecord(f"{pid}{cam}", str(pid), cam) for pid in range(3) for cam in (1, 2)]
    with pytest.raises(DataError) as caught:
        _cut(three)
    assert str(caught.value) == (
        "error[too-few-identities]: the validation split needs 2 identities and training 2 others; there are 3; "
        "add identities"
    )


def test_identities_all_seen_by_one_camera_are_refused():
    lone = [ImageRecord(f"{pid}{shot}", str(pid), pid % 2) for pid in range(6) for shot in range(2)]
    with pytest.raises(DataError, match=r"needs 2 identities seen by two cameras; there are 0 of 6.*--no-cameras"):
        _cut(lone)
    assert len(_cut(lone, no_cameras=True).query) > 0


def test_single_images_are_refused_without_cameras():
    lone = [ImageRecord(str(pid), str(pid), 0) for pid in range(6)]
    with pytest.raises(DataError, match="needs 2 identities seen on two images; there are 0 of 6; add images"):
        _cut(lone, no_cameras=True)
