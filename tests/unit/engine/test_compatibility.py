from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reid_core.engine.checkpoint import Checkpoint
from reid_core.engine.compatibility import check_same_model, check_same_run
from reid_core.errors import CheckpointError

VALUES = {"SOLVER.BASE_LR": 0.1, "MODEL.BACKBONE.DEPTH": "18x", "MODEL.HEADS.NECK_FEAT": "before", "OUTPUT_DIR": "a"}
SAVED = Checkpoint(3, 7, 11, VALUES, {}, None, {}, {})
PATH = Path("a.pt")


def test_the_same_run_may_move_and_be_measured_differently():
    moved = VALUES | {
        "OUTPUT_DIR": "b",
        "DATASETS.ROOT": "/elsewhere",
        "TEST.METRIC": "euclidean",
        "MODEL.DEVICE": "cpu",
    }
    check_same_run(SAVED, PATH, moved, seed=7, identities=11)


@pytest.mark.parametrize(
    ("change", "seed", "identities", "message"),
    [
        ({"SOLVER.BASE_LR": 0.2}, 7, 11, r"SOLVER.BASE_LR: 0\.1 in the checkpoint, 0\.2 asked for"),
        ({"SOLVER.OPT": "SGD"}, 7, 11, "SOLVER.OPT: 'Adam' in the checkpoint"),
        ({}, 8, 11, "seed: 7 in the checkpoint, 8"),
        ({}, 7, 12, "identities: 11 in the checkpoint, 12"),
    ],
)
def test_another_run_is_refused_by_name(change, seed, identities, message):
    with pytest.raises(CheckpointError, match=rf"a\.pt belongs to another run:\n  {message}"):
        check_same_run(SAVED, PATH, VALUES | change, seed=seed, identities=identities)


def test_every_difference_is_named():
    with pytest.raises(CheckpointError) as caught:
        check_same_run(
            SAVED, PATH, VALUES | {"SOLVER.BASE_LR": 1.0, "MODEL.BACKBONE.DEPTH": "50x"}, seed=7, identities=1
        )
    assert all(word in str(caught.value) for word in ("BASE_LR", "DEPTH", "identities"))


def test_measuring_needs_the_same_model_only():
    check_same_model(SAVED, PATH, VALUES | {"SOLVER.BASE_LR": 9.0, "MODEL.HEADS.NECK_FEAT": "after"})
    with pytest.raises(CheckpointError, match=r"another model:\n  MODEL.BACKBONE.DEPTH: '18x' in the checkpoint"):
        check_same_model(SAVED, PATH, VALUES | {"MODEL.BACKBONE.DEPTH": "50x"})


def test_a_checkpoint_older_than_a_key_had_its_default():
    from reid_core.config import Config, to_values

    young = "MODEL.BACKBONE.IBN_KIND"
    values = to_values(Config()) | VALUES
    old = replace(SAVED, values={key: value for key, value in values.items() if key != young})
    check_same_model(old, PATH, values)
    with pytest.raises(CheckpointError, match=r"MODEL\.BACKBONE\.IBN_KIND: 'a' in the checkpoint, 'b' asked for"):
        check_same_model(old, PATH, values | {young: "b"})
