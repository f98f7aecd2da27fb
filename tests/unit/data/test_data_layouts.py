"""Every layout is recognised and read; every image that is left out is counted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reid_core.data.layouts.recognise import read_dataset, recognise
from reid_core.data.records import NO_CAMERA, ImageRecord, Layout, identities_of, labels_of
from reid_core.errors import DataError


def test_market_names_give_identity_and_camera(market):
    dataset = read_dataset(market)
    assert dataset.layout is Layout.MARKET1501
    assert dataset.train[0] == ImageRecord("bounding_box_train/0001_c1s1_1.png", "1", 1)
    assert (len(dataset.train), len(dataset.query), len(dataset.gallery), dataset.cameras) == (24, 4, 4, 2)
    assert dataset.ignored == {}


def test_market_junk_is_ignored_and_counted_while_distractors_stay(market, make_images):
    make_images(market, ["bounding_box_test/-1_c1s1_1.png", "bounding_box_test/0000_c1s1_1.png"])
    dataset = read_dataset(market)
    assert dataset.ignored == {"junk (identity -1)": 1}
    assert sum(record.pid == "0" for record in dataset.gallery) == 1


def test_market_counts_other_files_and_other_folders(market, make_images):
    (market / "bounding_box_train" / "Thumbs.db").write_bytes(b"x")
    (market / "README.txt").write_text("hello")
    (market / "query" / ".hidden.png").write_bytes(b"x")
    make_images(market, ["gt_bbox/0001_c1s1_1.png"])
    assert read_dataset(market).ignored == {"hidden file": 1, "not an image": 2, "outside the three folders": 1}


def test_market_wins_over_a_manifest_beside_it(market):
    (market / "manifest.csv").write_text("file,pid,camid,split\n")
    assert recognise(market) is Layout.MARKET1501


def test_unparsable_names_are_refused_with_count_and_examples(market, make_images):
    make_images(market, [f"query/holiday{n}.png" for n in range(5)])
    with pytest.raises(DataError) as caught:
        read_dataset(market)
    (finding,) = caught.value.findings
    assert finding.code == "unparsable-name"
    assert finding.message == (
        "5 image names carry no identity and camera: query/holiday0.png, query/holiday1.png, query/holiday2.png, "
        "… (2 more)"
    )
    assert "0002_c1_000451.jpg" in finding.hint


def test_unparsable_names_are_counted_when_bad_files_are_skipped(market, make_images):
    make_images(market, ["query/holiday.png", "query/1-2_c1.png"])
    assert read_dataset(market, skip_bad=True).ignored == {"name without identity and camera": 2}


def test_fingerprint_is_the_same_in_another_folder_and_changes_with_an_image(market, tmp_path):
    before = read_dataset(market).fingerprint
    copy = tmp_path / "elsewhere"
    shutil.copytree(market, copy)
    assert read_dataset(copy).fingerprint == before
    Image.new("RGB", (9, 17)).save(copy / "query" / "0011_c1s1_1.png", compress_level=0)
    assert read_dataset(copy).fingerprint != before


def test_linked_folders_are_followed_and_loops_end(market, tmp_path):
    (tmp_path / "linked").mkdir()
    for name in ("bounding_box_train", "query", "bounding_box_test"):
        (tmp_path / "linked" / name).symlink_to(market / name)
    (market / "query" / "loop").symlink_to(market / "query")
    assert len(read_dataset(tmp_path / "linked").query) == 4


def test_folders_are_identities_and_some_become_the_test_split(tmp_path, make_images):
    names = [f"cow{pid}/cam_c{cam}_{n}.jpg" for pid in range(10) for cam in (1, 2) for n in range(2)]
    make_images(tmp_path, [*names, "stray.png"])
    dataset = read_dataset(tmp_path)
    assert dataset.layout is Layout.FOLDERS
    tested = set(identities_of(dataset.gallery))
    assert len(tested) == 3
    assert not tested & set(identities_of(dataset.train))
    assert len(identities_of(dataset.train)) == 7
    assert dataset.ignored == {"outside an identity's folder": 1}
    assert dataset.warnings == ("the layout has no test split: 3 identities were set aside as test",)
    assert read_dataset(tmp_path).query == dataset.query


def test_folders_read_the_camera_from_a_part_of_the_name_of_its_own(tmp_path, make_images):
    make_images(tmp_path, [f"{pid}/abc9_c{cam}.png" for pid in range(6) for cam in (1, 2)])
    assert {record.camid for record in read_dataset(tmp_path).train} == {1, 2}


def test_folders_without_camera_need_to_be_told(tmp_path, make_images):
    make_images(tmp_path, [f"{pid}/{n}.png" for pid in range(6) for n in range(3)])
    with pytest.raises(DataError, match=r"18 of 18 image names say no camera: 0/0.png.*--no-cameras"):
        read_dataset(tmp_path)
    dataset = read_dataset(tmp_path, no_cameras=True)
    assert dataset.cameras == 0
    assert {record.camid for record in dataset.train} == {NO_CAMERA}


def test_a_data_set_one_folder_further_down_is_pointed_at(market):
    with pytest.raises(DataError, match=f"use --data {market}"):
        read_dataset(market.parent)


def test_labels_follow_numbers_by_value_and_then_names():
    people = [ImageRecord(f"{pid}.png", pid, 0) for pid in ("b", "10", "9", "a", "9")]
    identities = identities_of(people)
    assert identities == ("9", "10", "a", "b")
    assert np.array_equal(labels_of(people, identities), [3, 1, 0, 2, 0])


def test_naming_the_layout_overrides_recognition(manifest, make_images):
    make_images(manifest, [f"{pid}/c{cam}.png" for pid in range(6) for cam in (1, 2)])
    (manifest / "img").rename(manifest / "bounding_box_train")
    assert recognise(manifest) is Layout.MARKET1501
    assert read_dataset(manifest, Layout.FOLDERS, no_cameras=True).layout is Layout.FOLDERS


def test_a_missing_folder_and_a_file_in_its_place_are_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: error\[missing-folder\]: the data folder does not exist"):
        read_dataset(tmp_path / "nowhere")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(DataError, match="is a file, not a folder"):
        read_dataset(Path(file))
