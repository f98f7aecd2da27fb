"""A run that is left within an epoch goes on there, and is bit by bit the run that was never interrupted."""

from __future__ import annotations

import pytest
from test_resume import EVERYTHING, same, train, without_clock

from reid_core.engine.checkpoint import load
from reid_core.results import UNFINISHED

QUEUE = {"MODEL__META_ARCHITECTURE": "MoCo", "MODEL__QUEUE_SIZE": 20}
SAMPLED = {
    "MODEL__HEADS__PFC__ENABLED": True,
    "MODEL__HEADS__PFC__SAMPLE_RATE": 0.5,
    "MODEL__LOSSES__NAME": ["CrossEntropyLoss"],
}
"""Draws classes at random in every iteration."""
ITERATIONS = 3
"""Of an epoch of the tiny training."""


def after(batches):
    """Says that it is time to leave after so many batches."""
    seen = iter(range(1, batches + 1))
    return lambda: next(seen, batches) >= batches


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "batches"),
    [
        pytest.param({}, 1, id="in-the-first-epoch"),
        pytest.param({}, 4, id="in-the-second"),
        pytest.param({}, 6, id="before-measuring"),
        pytest.param(EVERYTHING, 4, id="everything"),
        pytest.param(QUEUE, 4, id="queue"),
        pytest.param(SAMPLED, 4, id="drawn"),
    ],
)
def test_a_run_left_within_an_epoch_equals_the_uninterrupted_one_bit_by_bit(tiny, tmp_path, changed, batches):
    config = tiny(**changed)
    options = {"seed": 3, "threads": 1, "to_epoch": 2}
    straight, end = train(config, tmp_path / "straight", **options)
    first, rest = train(config, tmp_path / "parts", should_leave=after(batches), **options)
    assert rest.stopped
    assert rest.epoch == len(first) == (batches - 1) // ITERATIONS
    assert (tmp_path / "parts" / UNFINISHED).is_file()
    lines = []
    second, again = train(config, tmp_path / "parts", checkpoint=rest.checkpoint, log=lines.append, **options)
    assert any("goes on within epoch" in line for line in lines)
    assert without_clock(first + second) == without_clock(straight)
    whole, parts = load(end.checkpoint.path), load(again.checkpoint.path)
    assert same(whole.model, parts.model)
    assert same(whole.parts, parts.parts)
    assert not list((tmp_path / "parts").glob(f"{UNFINISHED}*"))


@pytest.mark.slow
def test_a_run_left_time_and_again_equals_the_uninterrupted_one(tiny, tmp_path):
    options = {"seed": 3, "threads": 1, "to_epoch": 2}
    straight, _ = train(tiny(), tmp_path / "straight", **options)
    told, end = [], None
    while end is None or end.stopped:
        start = None if end is None else end.checkpoint
        more, end = train(tiny(), tmp_path / "parts", checkpoint=start, should_leave=lambda: True, **options)
        told += more
    assert without_clock(told) == without_clock(straight)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", ["torn", "seed", "gone", "earlier"])
def test_what_is_not_of_this_very_run_is_trained_anew_from_the_checkpoint(tiny, tmp_path, spoil):
    options = {"seed": 3, "threads": 1}
    _, one = train(tiny(), tmp_path, to_epoch=1, **options)
    train(tiny(), tmp_path, to_epoch=2, checkpoint=one.checkpoint, should_leave=after(1), **options)
    file, start = tmp_path / UNFINISHED, one.checkpoint
    if spoil == "torn":
        file.write_bytes(file.read_bytes()[:-100])
    elif spoil == "gone":
        file.unlink()
    elif spoil == "seed":
        options["seed"], start = 4, None
    else:
        start = None
    lines = []
    results, end = train(tiny(), tmp_path, to_epoch=2, checkpoint=start, log=lines.append, **options)
    assert not end.stopped
    assert [result.epoch for result in results] == ([2] if start else [1, 2])
    assert not any("goes on within" in line for line in lines)


@pytest.mark.slow
def test_an_epoch_after_one_that_was_not_saved_is_finished_and_saved(tiny, tmp_path):
    config, stops = tiny(SOLVER__CHECKPOINT_PERIOD=3, TEST__EVAL_PERIOD=3), iter([False, True])
    options = {"seed": 3, "threads": 1, "should_leave": after(4), "should_stop": lambda: next(stops)}
    results, end = train(config, tmp_path, **options)
    assert [one.checkpoint for one in results] == [None, None]
    assert (end.epoch, end.stopped, end.checkpoint.epoch) == (2, True, 2)
    assert not (tmp_path / UNFINISHED).exists()


def test_a_full_disk_costs_the_epoch_and_not_the_run(tiny, tmp_path, monkeypatch):
    from reid_core.engine import run
    from reid_core.errors import CheckpointError

    def full(state, path):
        raise CheckpointError(f"cannot write the checkpoint {path}: No space left on device")

    monkeypatch.setattr(run.checkpoints, "save", full)
    lines = []
    _, end = train(tiny(), tmp_path, seed=3, should_leave=after(1), log=lines.append)
    assert (end.stopped, end.epoch, end.checkpoint) == (True, 0, None)
    assert any("epoch 1 is trained anew" in line for line in lines)
