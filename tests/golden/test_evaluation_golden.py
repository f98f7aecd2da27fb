"""Distances and rankings against the numbers recorded from FastReID (shared/golden)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from reid_core.evaluation import (
    Distance,
    Labels,
    cmc,
    distance_matrix,
    mean_average_precision,
    mean_inverse_negative_penalty,
    rank,
    rank_distances,
)

pytestmark = pytest.mark.shared

_SHARED = Path(os.environ.get("REID_SHARED", Path(__file__).parents[3] / "shared"))
_GOLDEN = Path(os.environ.get("REID_GOLDEN", _SHARED / "golden"))


def cases_of(function):
    if not (_GOLDEN / "cases.json").is_file():
        return [pytest.param(None, id="golden-absent")]
    cases = json.loads((_GOLDEN / "cases.json").read_text())
    return [pytest.param(case, id=case["id"]) for case in cases if case["function"] == function]


def arrays(case):
    if case is None:
        pytest.skip(f"no golden numbers in {_GOLDEN} (set REID_GOLDEN or REID_SHARED)")
    with np.load(_GOLDEN / case["file"]) as file:
        return {name: file[key] for name, key in (case["inputs"] | case["outputs"]).items()}


def labels_of(given):
    return Labels(*(given[name] for name in ("query_pids", "gallery_pids", "query_camids", "gallery_camids")))


def assert_close(got, want, rtol):
    want = np.asarray(want)
    assert np.shape(got) == want.shape
    assert np.abs(np.asarray(got) - want).max() <= rtol * np.abs(want).max()


@pytest.mark.parametrize("case", cases_of("distance"))
def test_distance_equals_the_recorded_one(case):
    given = arrays(case)
    got = distance_matrix(given["query"], given["gallery"], Distance(case["settings"]["metric"]))
    assert_close(got, given["distance"], case["rtol"])


@pytest.mark.parametrize("case", cases_of("ranking"))
def test_ranking_equals_the_recorded_one(case):
    given = arrays(case)
    ranking = rank_distances(given["distance"], labels_of(given))
    assert_close(cmc(ranking, case["settings"]["max_rank"]), given["cmc"], case["rtol"])
    assert_close(ranking.ap[ranking.valid], given["ap"], case["rtol"])
    assert_close(ranking.inp[ranking.valid], given["inp"], case["rtol"])
    assert_close(mean_average_precision(ranking), given["mAP"], case["rtol"])
    assert_close(mean_inverse_negative_penalty(ranking), given["mINP"], case["rtol"])


@pytest.mark.parametrize("case", cases_of("ranking"))
def test_ranking_features_in_blocks_equals_the_recorded_one(case):
    given = arrays(case)
    cases = json.loads((_GOLDEN / "cases.json").read_text())
    source = [one for one in cases if one["outputs"].get("distance") == case["inputs"]["distance"]]
    if not source:
        pytest.skip(f"{case['id']} was recorded from distances, not from features")
    features = arrays(source[0])
    metric = Distance(source[0]["settings"]["metric"])
    ranking = rank(features["query"], features["gallery"], labels_of(given), metric=metric, block_rows=7)
    assert_close(ranking.ap[ranking.valid], given["ap"], case["rtol"])
