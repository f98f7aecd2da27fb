"""k-reciprocal re-ranking of a few thousand images against the paper's dense algorithm."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from reid_core.evaluation import rerank

FILE = Path(__file__).resolve().parents[2] / "perf" / "plain_refinement.py"


def dense_rerank(*sides, **settings):
    spec = importlib.util.spec_from_file_location("plain_refinement", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.dense_rerank(*sides, **settings)


@pytest.mark.slow
def test_four_hundred_queries_in_two_thousand_images_equal_the_dense_algorithm():
    draw = np.random.default_rng(3)
    centers = draw.standard_normal((190, 64))
    rows = centers[draw.integers(190, size=2_400)] + 1.3 * draw.standard_normal((2_400, 64))
    settings = {"k1": 20, "k2": 6, "lambda_": 0.3}
    want = dense_rerank(rows[:400], rows[400:], **settings)
    np.testing.assert_allclose(rerank(rows[:400], rows[400:], **settings), want, rtol=0, atol=1e-5)
    # in single precision, neighbours at the same distance but for its last bits may change places
    found = rerank(rows[:400].astype(np.float32), rows[400:].astype(np.float32), **settings)
    assert np.mean(np.abs(found - want) < 1e-5) > 0.99
