"""A camera embedding has a row for each camera that is trained on, or training is refused."""

from __future__ import annotations

import numpy as np
import pytest

from reid_core.config.convert import tree_of
from reid_core.engine.cameras import check_cameras
from reid_core.errors import ConfigError


def with_rows(count):
    return tree_of({"MODEL.BACKBONE.NAME": "build_vit_backbone", "MODEL.BACKBONE.SIE_CAMERAS": count})


@pytest.mark.parametrize(
    ("rows", "camids"),
    [(6, [1, 6, 3]), (6, [0, 5]), (7, [0, 6]), (2, [-1, 1, 2, -9]), (3, [-1]), (0, [1, 99])],
    ids=["from-one", "from-zero", "zero-to-six", "some-unknown", "all-unknown", "no-embedding"],
)
def test_cameras_with_rows_of_their_own_are_accepted(rows, camids):
    check_cameras(with_rows(rows), np.array(camids))


@pytest.mark.parametrize(
    ("rows", "camids", "needed"),
    [(6, [1, 7], 7), (6, [0, 6], 7), (1, [0, 1], 2)],
    ids=["beyond-the-table", "first-and-last-would-share", "two-in-one"],
)
def test_too_few_rows_are_refused_with_the_number_that_is_needed(rows, camids, needed):
    with pytest.raises(ConfigError) as caught:
        check_cameras(with_rows(rows), np.array(camids))
    (finding,) = caught.value.findings
    assert (finding.code, finding.key) == ("too-few-cameras", "MODEL.BACKBONE.SIE_CAMERAS")
    assert finding.hint == f"set it to {needed}"
