"""manifest.csv: any column order, identities of any name, and every bad row named by file:line:col."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_core.data.layouts.recognise import read_dataset
from reid_core.data.records import ImageRecord, Layout
from reid_core.errors import DataError


def _rewrite(root: Path, old: str, new: str) -> None:
    path = root / "manifest.csv"
    path.write_text(path.read_text().replace(old, new, 1))


def _findings(root: Path, **options: bool) -> list[str]:
    with pytest.raises(DataError) as caught:
        read_dataset(root, **options)
    return [str(finding).replace(str(root) + "/", "") for finding in caught.value.findings]


def test_rows_become_records_with_identities_of_any_name(manifest):
    dataset = read_dataset(manifest)
    assert dataset.layout is Layout.MANIFEST
    assert dataset.train[0] == ImageRecord("img/train-ann-1.png", "ann", 1)
    assert (len(dataset.train), len(dataset.query), len(dataset.gallery)) == (8, 4, 4)
    assert dataset.ignored == {}


def test_columns_come_in_any_order_with_quotes_and_others_between(tmp_path, make_images):
    make_images(tmp_path, [f"{pid}{cam}{split}, x.png" for pid in "abxy" for cam in "12" for split in "tqg"])
    rows = [f'{cam},note,"{pid}{cam}t, x.png",train,{pid}' for pid in "ab" for cam in "12"]
    rows += [f'{cam},,"{pid}{cam}q, x.png",query,{pid}' for pid in "xy" for cam in "12"]
    rows += [f'{cam},,"{pid}{cam}g, x.png",gallery,{pid}' for pid in "xy" for cam in "12"]
    (tmp_path / "manifest.csv").write_text("\ufeffcamid,note,file,split,pid\n" + "\n".join(rows) + "\n\n")
    dataset = read_dataset(tmp_path)
    assert len(dataset.train) == 4
    assert dataset.ignored == {"not in manifest.csv": 12}


def test_missing_columns_are_named(manifest):
    _rewrite(manifest, "file,pid,camid,split", "file,identity,camid")
    assert _findings(manifest) == [
        (
            "manifest.csv:1:1: error[manifest-columns]: the first line has no column pid or split; it reads "
            "file, identity, camid; write file,pid,camid,split there"
        )
    ]


def test_an_empty_manifest_is_refused(manifest):
    (manifest / "manifest.csv").write_text("")
    assert "it reads nothing" in _findings(manifest)[0]


def test_the_camera_column_may_be_missing_without_cameras(manifest):
    path = manifest / "manifest.csv"
    lines = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join(line[:2] + line[3:]) for line in lines))
    assert read_dataset(manifest, no_cameras=True).cameras == 0


def test_every_bad_row_is_named_with_its_place(manifest):
    _rewrite(manifest, "train-ann-1.png,ann,1,train", "train-ann-1.png,,1,train")
    _rewrite(manifest, "train-ann-2.png,ann,2,train", "train-ann-2.png,ann,left,train")
    _rewrite(manifest, "train-bob-1.png,bob,1,train", "train-bob-1.png,bob,1,test")
    _rewrite(manifest, "img/train-bob-2.png", "../secret.png")
    _rewrite(manifest, "img/train-cy-1.png", "img/gone.png")
    _rewrite(manifest, "img/train-cy-2.png,cy,2", "img/train-di-1.png,cy,2")
    assert _findings(manifest) == [
        "manifest.csv:2:21: error[manifest-row]: pid is empty",
        (
            "manifest.csv:3:25: error[manifest-row]: camid is 'left', not a number from 0; without cameras use "
            "--no-cameras (DATASETS.NO_CAMERAS true)"
        ),
        "manifest.csv:4:27: error[manifest-row]: split is 'test', not one of train, query, gallery",
        "manifest.csv:5:1: error[manifest-row]: '../secret.png' does not lie below the manifest's folder",
        (
            "manifest.csv:6:1: error[manifest-row]: 'img/gone.png' does not exist; "
            "DATASETS.CORRUPT skip leaves such rows out"
        ),
        "manifest.csv:8:1: error[manifest-row]: 'img/train-di-1.png' is already in train, in line 7",
    ]


def test_a_camera_of_thousands_of_digits_is_no_number(manifest):
    _rewrite(manifest, "ann-1.png,ann,1,train", f"ann-1.png,ann,{'9' * 5000},train")
    (found,) = _findings(manifest)
    assert "error[manifest-row]: camid is '999" in found


def test_training_on_a_measured_image_is_refused(manifest):
    _rewrite(manifest, "img/query-x1-1.png,x1", "img/train-ann-1.png,ann")
    assert _findings(manifest) == [
        "manifest.csv:10:1: error[manifest-row]: 'img/train-ann-1.png' is in query and, in line 2, in train"
    ]


def test_an_image_of_two_identities_is_refused(manifest):
    _rewrite(manifest, "img/gallery-x1-1.png,x1", "img/query-x2-1.png,x1")
    assert "'img/query-x2-1.png' shows 'x1' here and 'x2' before" in _findings(manifest)[0]


def test_an_image_may_be_query_and_gallery(manifest):
    _rewrite(manifest, "img/gallery-x1-1.png", "img/query-x1-1.png")
    dataset = read_dataset(manifest)
    assert dataset.query[0].path == "img/query-x1-1.png"
    assert dataset.query[0] in dataset.gallery


def test_missing_files_are_counted_when_bad_files_are_skipped(manifest):
    (manifest / "img" / "train-ann-1.png").unlink()
    assert read_dataset(manifest, skip_bad=True).ignored == {"missing file": 1}


def test_a_long_list_of_faults_is_cut(manifest):
    path = manifest / "manifest.csv"
    path.write_text("file,pid,camid,split\n" + "a.png,,1,train\n" * 30)
    findings = _findings(manifest)
    assert len(findings) == 21
    assert findings[-1].endswith("69 more faults")


def test_a_manifest_that_is_no_text_is_refused(manifest):
    (manifest / "manifest.csv").write_bytes(b"\xff\xfe\x00")
    assert "error[manifest-unreadable]: cannot read it" in _findings(manifest)[0]
