"""Two models over the same images: how much both find, and how good each is, against numbers worked out by hand."""

import numpy as np
import pytest

from reid_core.errors import DataError
from reid_core.gallery.agreement import agreement
from reid_core.gallery.index import open_index
from reid_core.gallery.items import Item
from reid_core.gallery.writer import create_index, writing

PIDS = {"a.png": "1", "b.png": "1", "c.png": "2", "d.png": "2"}


def index(folder, angles, pids=PIDS):
    """Files on the unit circle, at these degrees."""
    create_index(folder, 2)
    turned = np.deg2rad(list(angles.values()))
    with writing(folder) as writer:
        rows = np.stack([np.cos(turned), np.sin(turned)], 1).astype(np.float32)
        writer.add(rows, [Item(file, pids.get(file, "")) for file in angles])
    return open_index(folder)


# nearest first    a: b c d    b: a c d    c: d b a    d: c b a
LEFT = {"a.png": 0, "b.png": 10, "c.png": 100, "d.png": 115}
# nearest first    a: b c d    b: a c d    c: b d a    d: c b a
SLIGHTLY = {"a.png": 0, "b.png": 20, "c.png": 45, "d.png": 75}
# nearest first    a: c b d    b: c d a    c: a b d    d: b c a
RIGHT = {"d.png": 45, "b.png": 25, "c.png": 10, "a.png": 0}


@pytest.mark.parametrize(
    ("right", "k", "overlap", "first", "quality"),
    [
        (LEFT, 2, 1, 1, 1),
        (SLIGHTLY, 1, 3 / 4, 3 / 4, (1 + 1 + 1 / 2 + 1) / 4),
        (SLIGHTLY, 2, 1, 3 / 4, (1 + 1 + 1 / 2 + 1) / 4),
        (RIGHT, 1, 0, 0, (1 / 2 + 1 / 3 + 1 / 3 + 1 / 2) / 4),
        (RIGHT, 2, (1 + 1 / 2 + 1 / 2 + 1) / 4, 0, (1 / 2 + 1 / 3 + 1 / 3 + 1 / 2) / 4),
        (RIGHT, 9, 1, 0, (1 / 2 + 1 / 3 + 1 / 3 + 1 / 2) / 4),
    ],
)
def test_overlap_and_quality_are_those_of_the_definition(tmp_path, right, k, overlap, first, quality):
    """Files that one index lacks stand between the others, and count for nothing."""
    ours, theirs = index(tmp_path / "l", {"x.png": 5, **LEFT}), index(tmp_path / "r", {**right, "y.png": 3})
    found = agreement(ours, theirs, k)
    assert (found.files, found.queries, found.k) == (4, 4, min(k, 3))
    assert (found.overlap, found.first) == pytest.approx((overlap, first))
    left_metrics, right_metrics = found.metrics
    assert (left_metrics["mAP"], left_metrics["rank1"]) == (1, 1)
    assert right_metrics["mAP"] == pytest.approx(quality)
    assert right_metrics["rank1"] == first


def test_without_identities_nothing_is_measured(tmp_path):
    assert agreement(index(tmp_path / "l", LEFT, {}), index(tmp_path / "r", RIGHT, {}), 2).metrics is None


def test_a_file_is_the_same_however_its_path_is_spelled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    ours = index(tmp_path / "l", {"photos/a.png": 0, "photos/b.png": 10, "photos/c.png": 20})
    spelled = {f"{tmp_path}/photos/a.png": 0, "link/b.png": 10, "photos/../photos/c.png": 20, "other/a.png": 30}
    assert agreement(ours, index(tmp_path / "r", spelled), 1).files == 3
    with pytest.raises(DataError, match="share 0 files"):
        agreement(ours, index(tmp_path / "o", {"other/a.png": 0, "other/b.png": 10}))
