"""The real data sets beside the project: counted as their counts.json says, in both of their layouts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reid_core.data.layouts.recognise import read_dataset
from reid_core.data.records import Layout, identities_of
from reid_core.data.split import cut

SHARED = Path(os.environ.get("REID_SHARED", Path(__file__).resolve().parents[4] / "shared"))
SETS = ("pku-reid74", "holstein-cowface", "vehicle-twocam")

pytestmark = pytest.mark.shared


def _folder(name: str) -> Path:
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not here: {folder}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("layout", [Layout.MARKET1501, Layout.MANIFEST])
def test_counts_equal_the_data_sets_own(name, layout):
    folder = _folder(name)
    expected = json.loads((folder / "counts.json").read_text())
    dataset = read_dataset(folder, layout)
    for split, part in (("train", dataset.train), ("query", dataset.query), ("gallery", dataset.gallery)):
        cameras = len({record.camid for record in part})
        counts = {"images": len(part), "identities": len(identities_of(part)), "cameras": cameras}
        assert counts == expected[split], split
    assert dataset.warnings == ()
    assert expected["queries_without_cross_camera_match"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_both_layouts_see_the_same_data(name):
    folder = _folder(name)
    market, manifest = (read_dataset(folder, layout) for layout in (Layout.MARKET1501, Layout.MANIFEST))
    assert market.train == manifest.train
    assert market.fingerprint == manifest.fingerprint


@pytest.mark.parametrize("name", SETS)
def test_a_quarter_of_the_identities_makes_a_validation_split(name):
    records = read_dataset(_folder(name)).train
    parts = cut(records, 0.25, seed=0, no_cameras=False, purpose="validation split")
    held = identities_of(records[index] for index in parts.gallery)
    assert len(held) == round(0.25 * len(identities_of(records)))
    assert len(parts.query) >= 88
