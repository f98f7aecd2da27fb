"""Public data sets are recognised by their true folders and names and read as their papers split them."""

from __future__ import annotations

import numpy as np
import pytest
import true_layouts
from scipy.io import loadmat, savemat

from reid_core.config.availability import CHOICES
from reid_core.data.checks import Use
from reid_core.data.layouts.recognise import read_dataset, recognise
from reid_core.data.records import NO_CAMERA, ImageRecord, Layout, identities_of
from reid_core.errors import DataError

WHOLE = [
    (true_layouts.market1501, Layout.MARKET1501, (24, 4, 5), ("bounding_box_train/0002_c1s1_000001_00.jpg", "2", 1)),
    (true_layouts.dukemtmc, Layout.MARKET1501, (24, 4, 4), ("bounding_box_train/0001_c2_f0046001.jpg", "1", 2)),
    (true_layouts.occluded_duke, Layout.MARKET1501, (24, 4, 4), ("bounding_box_train/0001_c2_f0046001.jpg", "1", 2)),
    (true_layouts.veri776, Layout.VERI776, (8, 4, 6), ("image_train/0001_c001_00016450_0.jpg", "1", 1)),
    (true_layouts.msmt17, Layout.MSMT17, (6, 4, 4), ("train/0000/0000_001_01_0303morning_0008_1.jpg", "0", 1)),
    (
        true_layouts.MAKERS["MSMT17_V2"],
        Layout.MSMT17,
        (6, 4, 4),
        ("mask_train_v2/0000/0000_001_01_0303morning_0008_1.jpg", "0", 1),
    ),
    (true_layouts.cuhk03, Layout.CUHK03, (6, 2, 2), ("images_labeled/1_001_1_05.png", "1", 1)),
    (true_layouts.vehicleid, Layout.VEHICLEID, (9, 8, 4), ("image/0000001.jpg", "1", NO_CAMERA)),
    (true_layouts.veriwild, Layout.VERIWILD, (9, 3, 6), ("images/00001/000001.jpg", "1", 7)),
]
ONLY_TESTS = [
    (true_layouts.partial_reid, Layout.PARTIAL_REID, (4, 4), ("partial_body_images/001_001.jpg", "1", 1)),
    (true_layouts.occluded_reid, Layout.OCCLUDED_REID, (4, 4), ("occluded_body_images/001/001_01.tif", "1", 1)),
    (true_layouts.partial_ilids, Layout.PARTIAL_ILIDS, (2, 2), ("Probe/001.jpg", "1", 1)),
    (true_layouts.query_gallery, Layout.QUERY_GALLERY, (4, 4), ("query/1_1.jpg", "1", 1)),
]


@pytest.mark.parametrize(("make", "layout", "counts", "first"), WHOLE)
def test_the_true_layout_is_recognised_and_read(tmp_path, make, layout, counts, first):
    dataset = read_dataset(make(tmp_path))
    assert dataset.layout is layout
    assert (len(dataset.train), len(dataset.query), len(dataset.gallery)) == counts
    assert dataset.train[0] == ImageRecord(*first)
    for part in (dataset.train, dataset.query, dataset.gallery):
        assert list(part) == sorted(part, key=lambda record: record.path)
    assert not set(identities_of(dataset.train)) & set(identities_of(dataset.query))


@pytest.mark.parametrize(("make", "layout", "counts", "first"), ONLY_TESTS)
def test_what_can_only_be_tested_on_is_read_as_a_test_and_refused_for_training(tmp_path, make, layout, counts, first):
    dataset = read_dataset(make(tmp_path), use=Use.TEST)
    assert dataset.layout is layout
    assert (len(dataset.query), len(dataset.gallery)) == counts
    assert dataset.query[0] == ImageRecord(*first)
    assert {record.camid for record in dataset.gallery} == {2}
    with pytest.raises(DataError, match=r"one-sided-split.*no image to train on.*DATASETS\.TESTS"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(("make", "layout"), [(case[0], case[1]) for case in (*WHOLE, *ONLY_TESTS)])
def test_naming_the_layout_reads_the_same(tmp_path, make, layout):
    make(tmp_path)
    assert recognise(tmp_path) is layout
    use = Use.TEST if layout in {case[1] for case in ONLY_TESTS} else Use.BOTH
    assert read_dataset(tmp_path, layout, use=use).fingerprint == read_dataset(tmp_path, use=use).fingerprint


@pytest.mark.parametrize(
    ("make", "ignored"),
    [
        (true_layouts.market1501, {"junk (identity -1)": 1}),
        (true_layouts.occluded_duke, {"not an image": 1}),
        (true_layouts.veri776, {"not an image": 1}),
        (true_layouts.msmt17, {}),
        (true_layouts.vehicleid, {"not an image": 3}),
        (true_layouts.veriwild, {"not an image": 4, "in no list": 0}),
        (true_layouts.cuhk03, {"in no list": 10}),
    ],
)
def test_every_file_left_out_is_counted(tmp_path, make, ignored):
    wanted = {reason: count for reason, count in ignored.items() if count}
    assert read_dataset(make(tmp_path)).ignored == wanted


def test_every_layout_can_be_chosen_by_name():
    assert set(CHOICES["DATASETS.LAYOUT"].available) == {"auto", *Layout} - {Layout.JOINED}


def test_the_other_bodies_of_partial_reid_are_counted(tmp_path):
    dataset = read_dataset(true_layouts.partial_reid(tmp_path), use=Use.TEST)
    assert dataset.ignored == {"outside the two folders": 4}


def test_distractors_are_searched_in_and_never_trained_on(tmp_path):
    dataset = read_dataset(true_layouts.market1501(tmp_path))
    assert dataset.nobody == {"0"}
    assert [record.camid for record in dataset.gallery if record.pid == "0"] == [3]


def test_validation_images_of_msmt17_are_kept_aside(tmp_path):
    dataset = read_dataset(true_layouts.msmt17(tmp_path))
    assert [(record.pid, record.camid) for record in dataset.extra] == [("0", 2), ("1", 2), ("2", 2)]
    (tmp_path / "list_val.txt").unlink()
    assert read_dataset(tmp_path).ignored == {"in no list": 3}


@pytest.mark.parametrize("boxes", ["labeled", "detected"])
def test_cuhk03_reads_the_published_split_and_fastreids_alike(tmp_path, boxes):
    layout = Layout.CUHK03 if boxes == "labeled" else Layout.CUHK03_DETECTED
    published = read_dataset(true_layouts.cuhk03(tmp_path / "mat", boxes=boxes), layout)
    written = read_dataset(true_layouts.cuhk03(tmp_path / "json", boxes=boxes, split="json"), layout)
    assert {record.path.split("/")[0] for record in written.train} == {f"images_{boxes}"}
    for name in ("train", "query", "gallery"):
        one, other = getattr(published, name), getattr(written, name)
        assert [(record.path, record.camid) for record in one] == [(record.path, record.camid) for record in other]
    assert (
        [record.pid for record in published.query] == [record.pid for record in written.query] == ["test/4", "test/5"]
    )
    assert identities_of(written.train) == ("0", "1", "2")
    assert not set(identities_of(published.train)) & set(identities_of(published.gallery))


def test_cuhk03_that_is_not_unpacked_says_so(tmp_path):
    (tmp_path / "cuhk03_release").mkdir()
    (tmp_path / "cuhk03_release" / "cuhk-03.mat").write_bytes(b"HDF")
    with pytest.raises(DataError, match=r"there is no images_labeled/ in it; unpack cuhk-03.mat"):
        read_dataset(tmp_path)


def test_a_torn_split_of_cuhk03_is_an_error(tmp_path):
    root = true_layouts.cuhk03(tmp_path, split="json")
    (root / "splits_new_labeled.json").write_text('[{"train": []}]')
    with pytest.raises(DataError, match=r"splits_new_labeled.json: error\[list-unreadable\]"):
        read_dataset(root)
    (root / "splits_new_labeled.json").unlink()
    (root / "cuhk03_new_protocol_config_labeled.mat").write_bytes(b"MATLAB 5.0 but no more")
    with pytest.raises(DataError, match="list-unreadable"):
        read_dataset(root)


@pytest.mark.parametrize(
    ("layout", "vehicles"),
    [("vehicleid_small", 2), ("vehicleid_medium", 3), ("vehicleid_large", 3), ("vehicleid", 4)],
)
def test_vehicleid_searches_one_image_of_each_vehicle_always_the_same(tmp_path, layout, vehicles):
    dataset = read_dataset(true_layouts.vehicleid(tmp_path), Layout(layout))
    assert sorted(record.pid for record in dataset.gallery) == [str(11 + one) for one in range(vehicles)]
    assert len(dataset.query) == 2 * vehicles
    assert dataset.cameras == 0
    splits = tmp_path / "train_test_split"
    for path in splits.glob("test_*"):
        true_layouts.lines(path, reversed(path.read_text().splitlines()))
    assert read_dataset(tmp_path, Layout(layout)).gallery == dataset.gallery


def test_vehicleids_gallery_does_not_depend_on_the_other_vehicles(tmp_path):
    root = true_layouts.vehicleid(tmp_path)
    small = read_dataset(root, Layout.VEHICLEID_SMALL).gallery
    large = read_dataset(root, Layout.VEHICLEID).gallery
    assert set(small) < set(large)


@pytest.mark.parametrize(("layout", "vehicles"), [("veriwild_small", 1), ("veriwild_medium", 2), ("veriwild_large", 3)])
def test_veriwild_takes_its_cameras_from_the_table(tmp_path, layout, vehicles):
    dataset = read_dataset(true_layouts.veriwild(tmp_path), Layout(layout))
    assert (len(dataset.query), len(dataset.gallery)) == (vehicles, 2 * vehicles)
    assert {record.camid for record in dataset.query} == {7}
    assert {record.camid for record in dataset.gallery} == {8, 9}


def test_a_missing_listed_image_is_named_or_skipped(tmp_path):
    root = true_layouts.veriwild(tmp_path)
    (root / "images" / "00002" / "000005.jpg").unlink()
    with pytest.raises(DataError, match=r"train_list.txt:5:1: error\[list-line\]: 'images/00002/000005.jpg' does not"):
        read_dataset(root)
    assert read_dataset(root, skip_bad=True).ignored["missing file"] == 1


def test_an_image_listed_twice_is_read_once_and_counted(tmp_path):
    root = true_layouts.msmt17(tmp_path)
    rows = (root / "list_train.txt").read_text().splitlines()
    true_layouts.lines(root / "list_train.txt", [*rows, "", rows[0]])
    dataset = read_dataset(root)
    assert len(dataset.train) == 6
    assert dataset.ignored == {"listed twice": 1}


@pytest.mark.parametrize("place", [0, 99])
def test_a_split_of_cuhk03_that_names_no_image_is_an_error(tmp_path, place):
    root = true_layouts.cuhk03(tmp_path)
    path = root / "cuhk03_new_protocol_config_labeled.mat"
    config = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    savemat(path, config | {"query_idx": np.array([[place]])})
    with pytest.raises(DataError, match=f"query_idx names image {place} of 10"):
        read_dataset(root)


@pytest.mark.parametrize(
    ("make", "name", "row", "words"),
    [
        (true_layouts.msmt17, "list_train.txt", "0000_001_01.jpg", "is no path of an image"),
        (true_layouts.vehicleid, "train_test_split/train_list.txt", "0000001", "is not the number of an image"),
        (true_layouts.veriwild, "train_test_split/train_list.txt", "holiday.jpg", "is no vehicle/image"),
        (true_layouts.veriwild, "train_test_split/train_list.txt", "00009/000099.jpg", "no camera for 00009/000099"),
        (true_layouts.veriwild, "train_test_split/vehicle_info.txt", "00009/000099", "is no vehicle/image;camera"),
    ],
)
def test_a_line_that_does_not_parse_is_named(tmp_path, make, name, row, words):
    root = make(tmp_path)
    with (root / name).open("a") as stream:
        stream.write(f"\n{row}\n")
    with pytest.raises(DataError) as caught:
        read_dataset(root)
    (finding,) = caught.value.findings
    assert finding.file == str(root / name)
    assert finding.line == len((root / name).read_text().splitlines())
    assert words in finding.message


def test_a_missing_list_is_named(tmp_path):
    root = true_layouts.vehicleid(tmp_path)
    (root / "train_test_split" / "test_list_800.txt").unlink()
    assert len(read_dataset(root).gallery) == 4
    with pytest.raises(DataError, match=r"test_list_800.txt: error\[list-unreadable\].*DATASETS.LAYOUT"):
        read_dataset(root, Layout.VEHICLEID_SMALL)


@pytest.mark.parametrize(
    ("make", "emptied", "words"),
    [
        (true_layouts.veri776, "image_train", "no image to train on"),
        (true_layouts.dukemtmc, "query", "no image to ask for"),
        (true_layouts.veri776, "image_test", "no image to search in"),
    ],
)
def test_a_one_sided_split_is_refused(tmp_path, make, emptied, words):
    root = make(tmp_path)
    for path in (root / emptied).iterdir():
        path.unlink()
    with pytest.raises(DataError, match=words):
        read_dataset(root)


def test_a_partial_image_finds_the_whole_one_with_the_same_number(tmp_path):
    """FastReID takes the number for a camera and drops that answer."""
    dataset = read_dataset(true_layouts.partial_reid(tmp_path), use=Use.TEST)
    assert dataset.warnings == ()
    query, answer = dataset.query[0], dataset.gallery[0]
    assert query.path.endswith("001_001.jpg")
    assert answer.path.endswith("001_001.jpg")
    assert query.camid != answer.camid
