"""FastReID's own defaults and files against the schema (shared/golden/configs.json)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reid_core.config import DIFFERENCES, Config, from_values, keys, to_values
from reid_core.config.convert import tree_of
from reid_core.errors import ConfigError

pytestmark = pytest.mark.shared

_SHARED = Path(os.environ.get("REID_SHARED", Path(__file__).parents[3] / "shared"))
_FILE = Path(os.environ.get("REID_GOLDEN", _SHARED / "golden")) / "configs.json"


@pytest.fixture(scope="module")
def golden():
    if not _FILE.is_file():
        pytest.skip(f"no {_FILE} (set REID_GOLDEN or REID_SHARED)")
    return json.loads(_FILE.read_text())


def test_every_default_of_fastreid_is_ours_or_explained(golden):
    ours = to_values(Config())
    different = {key for key, value in golden["defaults"].items() if ours.get(key) != value}
    assert different == set(DIFFERENCES)


def test_fastreids_configurations_resolve_to_their_values_or_name_what_is_unsupported(golden):
    for name, values in golden["resolved"].items():
        assert set(values) <= set(keys()), name
        refused = {}
        try:
            from_values(values)
        except ConfigError as error:
            refused = {finding.key: finding.code for finding in error.findings}
        assert set(refused.values()) <= {"unsupported"}, (name, refused)
        resolved = to_values(tree_of(values))
        assert {key: resolved[key] for key in values} == values, name
