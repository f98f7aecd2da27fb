"""Classes read from folders and manifests, and every way in which they cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from reid_core.data.records import Layout
from reid_core.errors import DataError
from reid_core.tasks.classification.folders import read_classes


@pytest.fixture
def folder(tmp_path):
    """A function that draws images at paths."""

    def draw(*paths):
        for number, path in enumerate(paths):
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(file)
        return tmp_path

    return draw


PAIR = ("train/ant/a.png", "train/ant/b.png", "train/bee/c.png", "train/bee/deep/d.png")

MARKET = ("bounding_box_train", "query", "bounding_box_test")


def codes(root, **options):
    with pytest.raises(DataError) as caught:
        read_classes(root, **options)
    return {finding.code for finding in caught.value.findings}, str(caught.value)


@pytest.mark.parametrize("split", ["val", "test"])
def test_folders_below_train_and_a_test_split_are_classes(folder, split):
    dataset = read_classes(folder(*PAIR, f"{split}/ant/e.png", f"{split}/bee/f.png"))
    assert dataset.layout is Layout.FOLDERS
    assert [(one.path, one.pid) for one in dataset.train][-1] == ("train/bee/deep/d.png", "bee")
    assert [(one.path, one.pid) for one in dataset.gallery] == [
        (f"{split}/ant/e.png", "ant"),
        (f"{split}/bee/f.png", "bee"),
    ]
    assert dataset.query == ()
    assert dataset.warnings == ()


def test_of_val_and_test_the_test_split_is_measured_and_told(folder):
    dataset = read_classes(folder(*PAIR, "val/ant/v.png", "test/ant/e.png", "test/bee/f.png"))
    assert {one.path for one in dataset.gallery} == {"test/ant/e.png", "test/bee/f.png"}
    assert dataset.ignored["in val, beside test"] == 1
    assert "val are not read" in dataset.warnings[0]


def test_a_test_folder_without_classes_leaves_val(folder):
    dataset = read_classes(folder(*PAIR, "test/unknown.png", "val/ant/v.png", "val/bee/w.png"))
    assert {one.path for one in dataset.gallery} == {"val/ant/v.png", "val/bee/w.png"}
    assert dataset.ignored["outside a class's folder"] == 1


def test_folders_without_a_split_are_cut_the_same_way_each_time(folder):
    root = folder(*(f"{name}/{number}.png" for name in ("ant", "bee") for number in range(10)))
    dataset = read_classes(root)
    assert (len(dataset.train), len(dataset.gallery)) == (14, 6)
    assert [sum(one.pid == name for one in dataset.gallery) for name in ("ant", "bee")] == [3, 3]
    assert "no test split: 6 images" in dataset.warnings[0]
    assert read_classes(root).gallery == dataset.gallery


def test_a_manifest_names_class_and_split(folder):
    root = folder("a.png", "b.png", "c.png", "d.png")
    (root / "manifest.csv").write_text(
        "file,pid,split\na.png,ant,train\nb.png,bee,train\nc.png,ant,val\nd.png,bee,val\n"
    )
    dataset = read_classes(root)
    assert dataset.layout is Layout.MANIFEST
    assert [(one.path, one.pid) for one in dataset.gallery] == [("c.png", "ant"), ("d.png", "bee")]


def test_a_manifest_with_another_split_says_where(folder):
    root = folder("a.png")
    (root / "manifest.csv").write_text("file,pid,split\na.png,ant,query\n")
    found, text = codes(root)
    assert found == {"manifest-row"}
    assert "manifest.csv:2:11" in text
    assert "train, test, val" in text


def test_a_reid_data_set_is_refused_in_one_line_unless_its_folders_are_asked_for(folder):
    market = [f"{part}/000{pid}_c1s1_000{pid}51_00.jpg" for part in MARKET for pid in (1, 2)]
    found, text = codes(folder(*market))
    assert found == {"reid-data"}
    assert "this is a re-identification data set (market1501)" in text
    assert read_classes(folder(), Layout.FOLDERS).layout is Layout.FOLDERS


def test_a_reid_manifest_is_one_finding(folder):
    root = folder("a.png", "b.png")
    rows = "".join(f"{name}.png,1,0,{split}\n" for name, split in (("a", "query"), ("b", "gallery")))
    (root / "manifest.csv").write_text(f"file,pid,camid,split\n{rows}")
    found, text = codes(root)
    assert found == {"reid-data"}
    assert "(manifest)" in text


def test_a_class_without_images_is_named(folder):
    root = folder(*PAIR, "test/ant/e.png", "test/bee/f.png")
    (root / "train" / "cow").mkdir()
    found, text = codes(root)
    assert found == {"empty-class"}
    assert "train/cow" in text


def test_one_class_is_refused(folder):
    found, text = codes(folder("train/ant/a.png", "test/ant/b.png"))
    assert found == {"one-class"}
    assert "'ant'" in text


def test_a_class_of_the_test_split_that_was_not_trained_is_named_with_an_image(folder):
    found, text = codes(folder(*PAIR, "test/ant/e.png", "test/wasp/f.png"))
    assert found == {"unknown-class"}
    assert "wasp (as test/wasp/f.png)" in text


def test_a_class_without_test_images_is_a_warning(folder):
    assert "bee" in read_classes(folder(*PAIR, "test/ant/e.png")).warnings[0]


@pytest.mark.parametrize(
    ("paths", "code"), [((), "no-images"), (PAIR, "one-sided-split"), (("test/ant/a.png",), "one-sided-split")]
)
def test_a_missing_split_is_refused(folder, paths, code):
    root = folder(*paths)
    (root / "train").mkdir(exist_ok=True)
    assert codes(root)[0] == {code}


def test_a_missing_folder_is_refused(tmp_path):
    assert codes(tmp_path / "nowhere")[0] == {"missing-folder"}
