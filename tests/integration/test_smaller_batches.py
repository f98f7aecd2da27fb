"""A real training that goes on in more micro-batches, from the checkpoint that it wrote in fewer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from trials.spaces import TINY

from orchestrator.backends.inline import InlineBackend
from orchestrator.backends.protocol import Ended, Reported
from orchestrator.trial.protocol import Completed, Infeasible, SegmentSpec
from reid_core.config import load_config

pytestmark = pytest.mark.slow


@pytest.fixture
def spec(tmp_path) -> SegmentSpec:
    values = load_config("bnneck", overrides=yaml.safe_load(TINY)["fixed"]).values
    return SegmentSpec("s", 1, 1, values, 0, 1, None, 0, str(tmp_path))


def run(spec):
    backend, messages = InlineBackend(), []
    backend.start(spec)
    backend.pump(messages.append, 0)
    assert isinstance(messages[-1], Ended)
    return messages[-1].outcome, [one.metrics for one in messages if isinstance(one, Reported)]


def test_training_goes_on_from_its_checkpoint_in_more_micro_batches(spec):
    first, _ = run(spec)
    assert isinstance(first, Completed)
    second, metrics = run(
        replace(spec, segment=2, from_epoch=1, to_epoch=2, checkpoint=first.checkpoint, micro_batches=2)
    )
    assert isinstance(second, Completed), second
    assert len(metrics) == 1
    assert 0 <= metrics[0]["data_wait"] <= 1


def test_more_micro_batches_than_a_batch_has_groups_are_infeasible_and_it_says_why(spec):
    outcome, metrics = run(replace(spec, micro_batches=8))
    assert isinstance(outcome, Infeasible)
    assert "memory ran out, and a smaller micro-batch is not possible: a batch of 8 images" in outcome.reason
    assert not metrics
