"""attributes.csv: what its rows mean, and where each fault in it is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from reid_core.errors import DataError
from reid_core.tasks.attributes.table import UNKNOWN, read_attributes

FILES = ("a.png", "b.png", "c.png", "d.png")
HEADER = "file,split,pid,camid,hat,bag\n"
ROWS = "a.png,train,1,1,1,0\nb.png,train,2,2,0,1\nc.png,test,3,1,1,1\nd.png,test,3,1,0,0\n"


@pytest.fixture
def table(tmp_path):
    """A function that writes images and the table's text."""

    def write(text, files=FILES):
        for file in files:
            Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / file)
        (tmp_path / "attributes.csv").write_text(text)
        return tmp_path

    return write


def faults(root, **options):
    with pytest.raises(DataError) as caught:
        read_attributes(root, **options)
    return caught.value.findings


def test_rows_become_images_and_answers(table):
    found = read_attributes(table(HEADER + ROWS))
    assert found.names == ("hat", "bag")
    assert found.targets["b.png"] == (0.0, 1.0)
    assert [(one.path, one.pid, one.camid) for one in found.dataset.gallery] == [("c.png", "3", 1), ("d.png", "3", 1)]


def test_minus_one_and_nothing_are_unknown_and_images_without_pid_are_persons_of_their_own(table):
    found = read_attributes(
        table(
            "file,split,hat,bag\na.png,train,1,-1\nb.png,train,0,\nc.png,val,1,1\nd.png,val,0,-1\n".replace(
                "a.png,train,1,-1", "a.png,train,1,0"
            )
        )
    )
    assert found.targets["b.png"] == (0.0, UNKNOWN)
    assert found.targets["d.png"] == (0.0, UNKNOWN)
    assert [one.pid for one in found.dataset.train] == ["a.png", "b.png"]
    assert [one.path for one in found.dataset.gallery] == ["c.png", "d.png"]


@pytest.mark.parametrize(
    ("row", "line", "col", "words"),
    [
        ("a.png,train,1,1,2,0", 2, 17, "hat is '2'"),
        ("a.png,train,1,1,1,yes", 2, 19, "bag is 'yes'"),
        ("a.png,query,1,1,1,0", 2, 7, "split is 'query', not one of train, val, test"),
        ("x.png,train,1,1,1,0", 2, 1, "'x.png' does not exist"),
        ("../a.png,train,1,1,1,0", 2, 1, "does not lie below"),
        (",train,1,1,1,0", 2, 1, "file is empty"),
        ("a.png,train,1,1,1", 2, 1, "the row ends before bag"),
        ("b.png,train,1,1,1,0", 3, 1, "'b.png' is already in line 2"),
    ],
)
def test_a_wrong_row_is_said_with_line_and_column(table, row, line, col, words):
    (finding,) = faults(table(HEADER + row + "\n" + ROWS.partition("\n")[2]))
    assert (finding.line, finding.col) == (line, col)
    assert finding.file.endswith("attributes.csv")
    assert words in finding.message


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("file,split\n", "names no attribute"),
        ("file,split,hat,hat\n", "two columns are called hat"),
        ("file,split,,hat\n", "column 3 has no name"),
        ("file,hat\n", "no column split"),
    ],
)
def test_a_wrong_first_line_is_said(table, header, words):
    (finding,) = faults(table(header + "a.png,train,1,1\n"))
    assert words in finding.message
    assert finding.line == 1


def test_a_missing_file_may_be_left_out(table):
    root = table(HEADER + ROWS + "x.png,train,1,1,1,0\n")
    assert read_attributes(root, skip_bad=True).dataset.ignored["missing file"] == 1


def test_an_attribute_that_no_training_image_knows_is_refused(table):
    (finding,) = faults(table(HEADER + ROWS.replace("1,1,1,0", "1,1,1,-1").replace("2,2,0,1", "2,2,0,")))
    assert (finding.code, "bag" in finding.message) == ("empty-attribute", True)


def test_test_images_with_one_answer_only_are_refused_and_one_such_attribute_is_a_warning(table):
    same = "a.png,train,1,1,1,0\nb.png,train,2,2,0,1\nc.png,test,3,1,1,1\nd.png,test,3,1,1,{}\n"
    assert faults(table(HEADER + same.format(1)))[0].code == "one-answer"
    (warning,) = read_attributes(table(HEADER + same.format(0))).dataset.warnings
    assert warning == "1 attribute has one answer in all test images, and is not in mA: hat"


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_split_is_an_error(table, split):
    rows = "".join(line + "\n" for line in ROWS.splitlines() if split not in line)
    assert faults(table(HEADER + rows))[0].code == "one-sided-split"


def test_a_folder_without_the_table_is_refused(tmp_path):
    assert faults(tmp_path)[0].code == "no-attributes"


def test_another_answer_is_another_fingerprint(table):
    before = read_attributes(table(HEADER + ROWS)).dataset.fingerprint
    changed = read_attributes(table(HEADER + ROWS.replace("d.png,test,3,1,0,0", "d.png,test,3,1,0,-1")))
    renamed = read_attributes(table(HEADER.replace("hat", "cap") + ROWS))
    assert len({before, changed.dataset.fingerprint, renamed.dataset.fingerprint}) == 3
    assert read_attributes(table(HEADER + ROWS)).dataset.fingerprint == before
