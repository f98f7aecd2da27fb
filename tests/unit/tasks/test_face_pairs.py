"""Pairs of faces: LFW's list with everything that can be wrong in it, and pairs drawn from held-out persons."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from reid_core import api
from reid_core.config import load_config
from reid_core.data.records import labels_of
from reid_core.errors import ConfigError, DataError
from reid_core.tasks.face.data import FaceSets
from reid_core.tasks.face.lfw import read_lfw_pairs
from reid_core.tasks.face.pairs import FOLDS, drawn_pairs
from reid_core.tasks.task import task_of

PEOPLE = {"Ann_Lee": 3, "Bo Xu": 2, "Cy": 1, "Di": 2}
LIST = [
    "2\t2",
    "Ann_Lee\t1\t2",
    "Bo Xu\t1\t2",
    "Ann_Lee\t1\tBo Xu\t2",
    "Cy\t1\tDi\t2",
    "Ann_Lee\t1\t3",
    "Di\t1\t2",
    "Bo Xu\t1\tCy\t1",
    "Di\t1\tAnn_Lee\t2",
]


def faces(root, people):
    for name, count in people.items():
        (root / name).mkdir(parents=True)
        for number in range(1, count + 1):
            Image.new("RGB", (8, 8), (number * 40 % 256, len(name) * 20 % 256, 90)).save(
                root / name / f"{name}_{number:04d}.jpg"
            )


def config(root, **changed):
    values = {"DATASETS.ROOT": str(root)} | {key.replace("__", "."): value for key, value in changed.items()}
    return load_config("face", values).config


@pytest.fixture
def lfw(tmp_path):
    faces(tmp_path / "lfw", PEOPLE)
    faces(tmp_path / "train", {f"p{number}": 4 for number in range(8)})
    (tmp_path / "pairs.txt").write_text("\n".join(LIST) + "\n")
    return tmp_path


def test_lfws_list_is_read_with_its_folds(lfw):
    records, pairs, lost = read_lfw_pairs(lfw / "pairs.txt", lfw / "lfw", skip_bad=False)
    named = [
        (records[left].path.split("/")[1][:-4], records[right].path.split("/")[1][:-4])
        for left, right in zip(pairs.left, pairs.right, strict=True)
    ]
    assert named[0] == ("Ann_Lee_0001", "Ann_Lee_0002")
    assert named[3] == ("Cy_0001", "Di_0002")
    assert pairs.same.tolist() == [True, True, False, False] * 2
    assert pairs.fold.tolist() == [0] * 4 + [1] * 4
    assert lost == 0
    assert {record.pid for record in records} == set(PEOPLE)


def test_the_list_and_its_images_are_found_and_kept_out_of_training(lfw):
    sets = FaceSets.of(config(lfw))
    assert {record.pid for record in sets.train.train} == {f"p{number}" for number in range(8)}
    assert len(sets.test.gallery) == 8
    assert "4 pairs of one person and 4 of two, of 4 persons" in api.describe_data(config(lfw)).sentence(
        api.Protocol.TEST
    )


def test_persons_may_lie_directly_in_the_folder(lfw, tmp_path):
    for person in sorted((lfw / "train").iterdir()):
        person.rename(lfw / person.name)
    (lfw / "train").rmdir()
    sets = FaceSets.of(config(lfw))
    assert {record.pid for record in sets.train.train} == {f"p{number}" for number in range(8)}


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (2, "Ann_Lee\t1\t9", "Ann_Lee/Ann_Lee_0009"),
        (4, "Ann_Lee\t1\tNobody\t1", "Nobody/Nobody_0001"),
        (3, "Bo Xu\t1\tCy\t1", "is not name i j"),
        (5, "Cy\t1\t2", "is not name1 i name2 j"),
        (6, "Ann_Lee\tone\t2", "is not name i j"),
        (8, "Di\t1\tDi\t2", "must differ"),
    ],
)
def test_a_bad_line_is_named(lfw, line, text, said):
    lines = [*LIST[: line - 1], text, *LIST[line:]]
    (lfw / "pairs.txt").write_text("\n".join(lines))
    with pytest.raises(DataError, match="list-line") as caught:
        FaceSets.of(config(lfw))
    (finding,) = caught.value.findings
    assert (finding.line, finding.file) == (line, str(lfw / "pairs.txt"))
    assert said in finding.message


def test_missing_images_can_be_left_out(lfw):
    (lfw / "lfw" / "Cy" / "Cy_0001.jpg").unlink()
    with pytest.raises(DataError) as caught:
        FaceSets.of(config(lfw))
    assert [finding.line for finding in caught.value.findings] == [5, 8]
    sets = FaceSets.of(config(lfw, DATASETS__CORRUPT="skip"))
    assert len(sets.pairs.same) == 6
    assert "2 pairs" in sets.warnings[-1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [([], "number of folds"), (["300", *LIST[1:]], "number of folds"), (LIST[:-1], "8 lines, not 7")],
)
def test_a_list_of_another_form_is_refused(lfw, lines, said):
    (lfw / "pairs.txt").write_text("\n".join(lines))
    with pytest.raises(DataError, match=said):
        read_lfw_pairs(lfw / "pairs.txt", lfw / "lfw", skip_bad=False)


def test_what_is_named_and_absent_is_said(lfw, tmp_path):
    for key, value in (("TASK__FACE__PAIRS", "none.txt"), ("TASK__FACE__IMAGES", "none")):
        with pytest.raises(DataError, match="does not exist"):
            FaceSets.of(config(lfw, **{key: value}))
    (lfw / "lfw" / "pairs.txt").write_text("\n".join(LIST))
    with pytest.raises(DataError, match="several lists"):
        FaceSets.of(config(lfw))


def test_one_person_cannot_be_trained_on(tmp_path):
    faces(tmp_path, {"only": 5})
    with pytest.raises(DataError, match="one-identity"):
        FaceSets.of(config(tmp_path))


def test_drawn_pairs_are_balanced_distinct_and_seeded():
    labels = np.repeat(np.arange(7), 6)
    pairs = drawn_pairs(labels, seed=3, most=5)
    assert np.array_equal(labels[pairs.left] == labels[pairs.right], pairs.same)
    for fold in range(FOLDS):
        assert pairs.same[pairs.fold == fold].sum() == 5
        assert (~pairs.same[pairs.fold == fold]).sum() == 5
    together = {frozenset(pair) for pair in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}
    assert len(together) == 100
    assert all(len(pair) == 2 for pair in together)
    persons = np.bincount(labels[pairs.left[pairs.same]])
    assert persons.max() - persons.min() <= 1
    assert drawn_pairs(labels, seed=3, most=5).fingerprint == pairs.fingerprint
    assert drawn_pairs(labels, seed=4, most=5).fingerprint != pairs.fingerprint


def test_drawn_pairs_are_no_more_than_there_are():
    pairs = drawn_pairs(np.repeat(np.arange(4), 5), seed=0, most=300)
    assert pairs.same.sum() == (~pairs.same).sum() == 40  # of 40 and 150
    with pytest.raises(DataError, match="too-few-pairs"):
        drawn_pairs(np.repeat(np.arange(3), 2), seed=0, most=300)


def test_validation_pairs_are_of_persons_that_are_not_trained_on(tmp_path):
    faces(tmp_path, {f"p{number}": 6 for number in range(12)})
    opened = task_of(config(tmp_path)).open(
        config(
            tmp_path, INPUT__SIZE_TRAIN=[16, 16], INPUT__SIZE_TEST=[16, 16], DATALOADER__CACHE_DIR=str(tmp_path / "c")
        ),
        api.Protocol.VALIDATION,
    )
    trained = {record.pid for record in opened.train.records}
    measured = opened.evaluation.images
    assert not trained & {record.pid for record in measured.records}
    pairs = opened.evaluation.pairs
    labels = labels_of(measured.records, sorted({record.pid for record in measured.records}))
    assert np.array_equal(labels[pairs.left] == labels[pairs.right], pairs.same)
    assert "no pairs.txt" in " ".join(opened.warnings)


def test_what_the_face_task_would_not_read_is_refused():
    for changed in (
        {"DATASETS.COMBINEALL": True},
        {"DATASETS.ROOT": "faces", "DATASETS.LAYOUT": "market1501"},
        {"DATASETS.NAMES": ["a", "b"]},
        {"DATASETS.TESTS": ["a", "b"]},
    ):
        with pytest.raises(ConfigError, match="face task"):
            load_config("face", changed)


@pytest.mark.parametrize("changed", [{"TEST.AQE.ENABLED": True}, {"TEST.RERANK.ENABLED": True}, {"TEST.METRIC": "dsr"}])
def test_what_refines_a_ranking_is_refused(changed):
    with pytest.raises(ConfigError, match="which the task face does not do"):
        load_config("face", changed)
