"""The trace runs any record of its format: other optimisers, shapes and seeds, without the recorded folder."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import training_trace

RECORD = {
    "name": "tiny",
    "config": {
        "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
        "MODEL.BACKBONE.DEPTH": "0.1x",
        "MODEL.HEADS.WITH_BNNECK": True,
        "MODEL.LOSSES.NAME": ["CrossEntropyLoss", "TripletLoss"],
    },
    "classes": 3,
    "optimiser": {"type": "sgd", "lr": 0.01, "weight_decay": 0.0005, "momentum": 0.9},
    "steps": 2,
    "images": "fill.images(6, 64, 32, 7*100+step)",
    "losses": ["loss_cls", "loss_triplet"],
    "rtol": 1e-9,
    "seed": 7,
}


def tensor(key, shape, seed, gain=1.0):
    values = np.random.default_rng([len(key), seed]).uniform(0.5, 1.0, shape) * gain
    return (values / max(np.prod(shape[1:]), 1) ** 0.5).astype(np.float32)


def images(count, height, width, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, height, width), dtype=np.uint8)


FILL = SimpleNamespace(tensor=tensor, images=images)


def arrays():
    return {
        "tiny/targets": np.array([[0, 0, 1, 1, 2, 2], [0, 1, 2, 0, 1, 2]]),
        "tiny/losses": np.zeros((2, 2)),
        "tiny/parameter_norm": np.zeros(2),
        "tiny/embedding_after": np.zeros(1),
    }


def got(record):
    return {name: np.asarray(value) for name, value, _, _ in training_trace.run(record, arrays(), FILL)}


def test_every_recorded_array_is_compared_and_the_steps_repeat_exactly():
    first, again = got(RECORD), got(RECORD)
    steps = [f"tiny/{what}[{step}]" for step in range(2) for what in ("losses", "parameter_norm")]
    assert list(first) == [*steps, "tiny/embedding_after"]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert first["tiny/embedding_after"].dtype == np.float64


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_another_optimiser_takes_another_way(kind):
    other = got(RECORD | {"optimiser": RECORD["optimiser"] | {"type": kind}})
    first = got(RECORD)
    assert np.array_equal(other["tiny/losses[0]"], first["tiny/losses[0]"])
    assert not np.array_equal(other["tiny/losses[1]"], first["tiny/losses[1]"])


@pytest.mark.parametrize("changed", [{"images": "somewhere else"}, {"losses": ["loss_cls"]}])
def test_what_is_recorded_in_another_way_is_refused(changed):
    with pytest.raises(ValueError, match="recorded"):
        got(RECORD | changed)
