"""What no data set may lack, each with its message."""

from __future__ import annotations

import pytest

from reid_core.data.checks import check, unmatched
from reid_core.data.files import Found
from reid_core.data.layouts.recognise import read_dataset
from reid_core.data.records import ImageRecord
from reid_core.errors import DataError


def _records(*seen: tuple[str, int]) -> list[ImageRecord]:
    return [ImageRecord(f"{number}.png", pid, cam) for number, (pid, cam) in enumerate(seen)]


TRAIN = (("1", 1), ("1", 2), ("2", 1), ("2", 2))
TEST = (("8", 1), ("8", 2), ("9", 1), ("9", 2))


def _faults(found: Found, *, no_cameras: bool = False) -> list[str]:
    with pytest.raises(DataError) as caught:
        check(found, "data", no_cameras=no_cameras)
    return [str(finding) for finding in caught.value.findings]


def test_a_sound_data_set_has_no_warning():
    found = Found(train=_records(*TRAIN), query=_records(*TEST), gallery=_records(*TEST))
    assert check(found, "data", no_cameras=False) == []


def test_an_empty_folder_has_no_images(tmp_path):
    with pytest.raises(DataError, match=r"error\[no-images\]: there is no image in it.*layouts: bounding_box_train"):
        read_dataset(tmp_path)


def test_folders_without_any_image_say_what_they_hold(market):
    for path in market.rglob("*.png"):
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(DataError, match=r"error\[no-images\]: there is no image in it; left out: 32 not an image"):
        read_dataset(market)


def test_an_empty_split_is_named():
    faults = _faults(Found(train=_records(*TRAIN), gallery=_records(*TEST)))
    assert faults == [
        (
            "data: error[one-sided-split]: there is no image to ask for (query) (4 train, 0 query, 4 gallery); "
            "all of train, query and gallery need images; one folder per identity is split for you"
        )
    ]


def test_one_identity_is_refused():
    faults = _faults(Found(train=_records(("7", 1), ("7", 2)), query=_records(*TEST), gallery=_records(*TEST)))
    assert faults == [
        (
            "data: error[one-identity]: all 2 training images show one identity, '7'; re-identification is learned by "
            "telling identities apart: add others"
        )
    ]


def test_one_camera_is_refused_and_points_at_no_cameras():
    lone = [(pid, 1) for pid, _ in TRAIN]
    found = Found(train=_records(*lone), query=_records(("8", 1)), gallery=_records(("8", 1), ("8", 1)))
    assert _faults(found) == [
        (
            "data: error[one-camera]: all images come from one camera, number 1: no query has a match by another; "
            "if cameras are unknown, say so with --no-cameras (DATASETS.NO_CAMERAS true): "
            "evaluation then drops only the query itself"
        )
    ]
    assert check(found, "data", no_cameras=True) == []


def test_no_query_with_a_match_is_refused():
    found = Found(train=_records(*TRAIN), query=_records(("8", 1)), gallery=_records(("8", 1), ("9", 2)))
    assert _faults(found) == [
        (
            "data: error[no-match]: none of the 1 queries has its identity by another camera in the gallery; "
            "check that query and gallery show the same identities, or use --no-cameras (DATASETS.NO_CAMERAS true)"
        )
    ]


def test_some_queries_without_match_are_a_warning_with_their_number():
    found = Found(train=_records(*TRAIN), query=_records(("8", 1), ("5", 1)), gallery=_records(*TEST))
    assert check(found, "data", no_cameras=False) == [
        "1 of 2 queries have no match in the gallery and are not counted: 1.png"
    ]


def test_identities_trained_on_and_tested_on_are_a_warning():
    found = Found(train=_records(*TRAIN, ("8", 1)), query=_records(*TEST), gallery=_records(*TEST))
    assert check(found, "data", no_cameras=False) == [
        "1 identities are trained on and tested on: 8; the test is too easy by that"
    ]


def test_all_faults_are_reported_together():
    found = Found(train=_records(("7", 1)), query=_records(("8", 1)), gallery=_records(("9", 1)))
    assert [fault.split("]")[0] for fault in _faults(found)] == ["data: error[one-identity", "data: error[one-camera"]


def test_without_cameras_a_query_matches_another_image_but_not_itself():
    first, second = _records(("8", 1), ("8", 1))
    assert unmatched([first], [first], no_cameras=True) == [first]
    assert unmatched([first], [first, second], no_cameras=True) == []
    assert unmatched([first], [first, second], no_cameras=False) == [first]
