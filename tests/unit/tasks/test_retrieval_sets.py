"""The folders of CUB, SOP, In-shop and classes; who is trained on, who asks, and what is wrong in the lists."""

from __future__ import annotations

import pytest
from PIL import Image

from reid_core import api
from reid_core.config import load_config
from reid_core.errors import ConfigError, DataError
from reid_core.tasks.retrieval.data import Source, without_cameras
from reid_core.tasks.retrieval.layouts import read_retrieval_set
from reid_core.tasks.task import task_of


def images(root, names):
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number * 37 % 256, number * 91 % 256, 128)).save(root / name)


def config(root, **changed):
    values = {"DATASETS.ROOT": str(root)} | {key.replace("__", "."): value for key, value in changed.items()}
    return load_config("retrieval", values).config


def source(root, **changed):
    return Source.of(without_cameras(config(root, **changed)))


def classes(records):
    return sorted({record.pid for record in records})


def cub(root):
    rows = [(klass, shot) for klass in (1, 2, 100, 101, 200) for shot in range(2)]
    names = [f"{klass:03d}.Bird/bird_{shot}.jpg" for klass, shot in rows]
    images(root, [f"images/{name}" for name in names])
    (root / "images.txt").write_text("".join(f"{number} {name}\n" for number, name in enumerate(names, 1)))
    (root / "image_class_labels.txt").write_text("".join(f"{n} {klass}\n" for n, (klass, _) in enumerate(rows, 1)))


def sop(root):
    head = "image_id class_id super_class_id path\n"
    for name, first in (("Ebay_train.txt", 1), ("Ebay_test.txt", 4)):
        paths = [f"chair_final/{klass}_{shot}.JPG" for klass in range(first, first + 3) for shot in range(2)]
        images(root, paths)
        rows = [f"{n} {path.split('/')[1].split('_')[0]} 1 {path}\n" for n, path in enumerate(paths, 1)]
        (root / name).write_text(head + "".join(rows))


def in_shop(root, below="Img/"):
    rows = []
    for item in range(1, 7):
        parts = ["train"] * 3 if item < 4 else ["query", "gallery", "gallery"]
        rows += [(f"img/WOMEN/{item}_{shot}.jpg", f"id_{item:08d}", part) for shot, part in enumerate(parts)]
    images(root, [below + name for name, *_ in rows])
    (root / "Eval").mkdir()
    text = f"{len(rows)}\nimage_name item_id evaluation_status\n" + "".join("   ".join(row) + "\n" for row in rows)
    (root / "Eval" / "list_eval_partition.txt").write_text(text)


def test_cub_trains_on_the_first_hundred_classes_and_the_others_ask_for_themselves(tmp_path):
    cub(tmp_path)
    found = source(tmp_path)
    assert classes(found.train.train) == ["1", "100", "2"]
    assert classes(found.tests[""].gallery) == ["101", "200"]
    assert found.tests[""].query == found.tests[""].gallery
    assert "read as CUB-200-2011" in found.warnings


def test_sop_is_split_by_its_two_lists(tmp_path):
    sop(tmp_path)
    found = source(tmp_path)
    assert classes(found.train.train) == ["1", "2", "3"]
    assert len(found.tests[""].query) == len(found.tests[""].gallery) == 6


@pytest.mark.parametrize("below", ["Img/", ""])
def test_in_shop_asks_queries_of_its_gallery(tmp_path, below):
    in_shop(tmp_path, below)
    found = source(tmp_path).tests[""]
    assert (len(found.query), len(found.gallery)) == (3, 6)
    assert not {record.path for record in found.query} & {record.path for record in found.gallery}


def test_classes_in_train_and_test_stay_there(tmp_path):
    images(tmp_path, [f"{part}/{name}/{n}.jpg" for part, name in [("train", "a"), ("train", "b"), ("test", "c"), ("test", "d")] for n in (1, 2)])  # noqa: E501  # fmt: skip
    found = source(tmp_path)
    assert (classes(found.train.train), classes(found.tests[""].gallery)) == (["a", "b"], ["c", "d"])


def test_cars_as_they_come_are_split_by_halves_of_the_classes(tmp_path):
    images(tmp_path, [f"{part}/{name}/{n}.jpg" for part in ("train", "test") for name in "abcd" for n in (1, 2)])
    found = source(tmp_path)
    assert (classes(found.train.train), classes(found.tests[""].gallery)) == (["a", "b"], ["c", "d"])
    assert len(found.train.train) == 8
    assert any("the first 2 are trained on" in warning for warning in found.warnings)


def test_a_folder_a_class_is_split_by_classes_and_every_test_image_asks(tmp_path):
    images(tmp_path, [f"{name}/{n}.jpg" for name in "abcdefghij" for n in range(6)])
    found = source(tmp_path)
    assert not set(classes(found.train.train)) & set(classes(found.tests[""].gallery))
    assert len(found.tests[""].query) == len(found.tests[""].gallery) == 18
    assert source(tmp_path).tests[""].gallery == found.tests[""].gallery


def test_all_images_of_held_out_classes_ask(tmp_path):
    images(tmp_path, [f"{name}/{n}.jpg" for name in "abcdefghij" for n in range(6)])
    small = config(
        tmp_path, INPUT__SIZE_TRAIN=[32, 32], INPUT__SIZE_TEST=[32, 32], DATALOADER__CACHE_DIR=str(tmp_path / ".c")
    )
    opened = task_of(small).open(small, api.Protocol.VALIDATION)
    measured = opened.evaluation
    assert len(measured.query.records) == len(measured.gallery.records) == 12
    assert not {one.pid for one in opened.train.records} & {one.pid for one in measured.gallery.records}
    assert "12 images of 2 classes ask for each other" in api.describe_data(small).sentence()


def test_every_list_line_with_a_fault_is_named(tmp_path):
    cub(tmp_path)
    with (tmp_path / "images.txt").open("a") as lines:
        lines.write("11 101.Bird/gone.jpg\n12 101.Bird/bird_0.jpg\nalone\n")
    (tmp_path / "image_class_labels.txt").open("a").write("11 101\n")
    with pytest.raises(DataError) as caught:
        source(tmp_path)
    found = {(one.line, one.file.rsplit("/", 1)[1]): one.message for one in caught.value.findings}
    assert found.keys() == {(11, "images.txt"), (12, "images.txt"), (13, "images.txt")}
    assert "does not exist" in found[11, "images.txt"]
    assert "no class number" in found[12, "images.txt"]


def test_in_shop_names_a_part_it_does_not_know(tmp_path):
    in_shop(tmp_path)
    with (tmp_path / "Eval" / "list_eval_partition.txt").open("a") as lines:
        lines.write("img/WOMEN/1_0.jpg id_00000001 val\n")
    with pytest.raises(DataError, match="'val' is none of train, query, gallery"):
        source(tmp_path)


def test_one_class_is_refused(tmp_path):
    images(tmp_path, [f"train/a/{n}.jpg" for n in range(3)] + [f"test/b/{n}.jpg" for n in range(3)])
    with pytest.raises(DataError, match="one-identity"):
        source(tmp_path)


def test_another_layout_is_left_to_the_readers_of_reid(tmp_path):
    images(tmp_path, [f"a/{n}.jpg" for n in range(3)])
    assert read_retrieval_set(tmp_path, skip_bad=False) is None


@pytest.mark.parametrize(
    ("asked", "said"), [([1, 3], "no recall at 3"), ([2, 4], "begin with 1"), ([1, 4, 2], "increase")]
)
def test_recalls_are_those_of_the_card(asked, said):
    with pytest.raises(ConfigError, match=said):
        load_config("retrieval", {"TASK.RETRIEVAL.RECALL_AT": asked})


def test_training_on_what_is_asked_is_refused():
    with pytest.raises(ConfigError, match="nobody must have seen"):
        load_config("retrieval", {"DATASETS.COMBINEALL": True})
