"""What a model was made from, and what that allows."""

from __future__ import annotations

import pytest
import torch
from drawn_model import config_of

from reid_core.data.places import KNOWN
from reid_core.export.licences import DATA_SETS, LicenceClass
from reid_core.export.provenance import origins


def test_every_known_data_set_has_a_class():
    assert set(KNOWN) <= set(DATA_SETS)


@pytest.mark.parametrize(
    ("keys", "licence"),
    [
        ({"DATASETS__ROOT": "synthetic"}, LicenceClass.COMMERCIAL_OK),
        ({"DATASETS__ROOT": "/somewhere/Market-1501-v15.09.15"}, LicenceClass.RESEARCH_ONLY),
        ({"DATASETS__ROOT": "/somewhere", "DATASETS__NAMES": ["MSMT17"]}, LicenceClass.RESEARCH_ONLY),
        ({"DATASETS__ROOT": "/home/cows"}, LicenceClass.UNKNOWN),
    ],
)
def test_data_decide(keys, licence):
    assert [one.licence for one in origins(config_of(**keys))] == [licence]


def test_starting_weights_count_and_unknown_ones_are_unknown(tmp_path):
    torch.save({"base.cls_token": torch.zeros(1)}, tmp_path / "w.pth")
    config = config_of(MODEL__BACKBONE__PRETRAIN_PATH=str(tmp_path / "w.pth"))
    assert [one.licence for one in origins(config)] == [LicenceClass.COMMERCIAL_OK, LicenceClass.RESEARCH_ONLY]
    gone = config_of(MODEL__BACKBONE__PRETRAIN_PATH=str(tmp_path / "gone.pth"))
    assert [one.licence for one in origins(gone)][1] is LicenceClass.UNKNOWN
