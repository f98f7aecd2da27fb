"""Nodes that harm segments are set aside; trials that harm themselves are not held against them."""

from __future__ import annotations

import pytest

from orchestrator.control.nodes import NodeTally
from orchestrator.events import ControllerStarted, NodeSetAside, OutcomeKind, SegmentEnded
from orchestrator.trial.kinds import FailureKind


def ended(node, failure=None, segment=1, message="CUDA error: uncorrectable ECC error encountered"):
    outcome = OutcomeKind.COMPLETED if failure is None else OutcomeKind.FAILED
    message = "" if failure is None else message
    return SegmentEnded(
        segment=segment, trial=1, outcome=outcome, failure=failure, message=message, worker=f"{node}:17"
    )


def tally(*events):
    made = NodeTally()
    for event in events:
        made.apply(event)
    return made


BAD = [ended("b", FailureKind.NODE)] * 3


def test_third_failure_in_a_row_of_a_nodes_own_sets_it_aside_and_says_why():
    assert tally(ended("a"), *BAD[:2]).unfit() is None
    aside = tally(ended("a"), *BAD).unfit()
    assert aside is not None
    assert aside.node == "b"
    assert "3 segments in a row failed on it: CUDA error" in aside.reason


def test_a_segment_that_ends_well_clears_its_node():
    assert tally(ended("a"), *BAD[:2], ended("b"), *BAD[:2]).unfit() is None


@pytest.mark.parametrize("kind", [FailureKind.DIVERGED, FailureKind.BUG, FailureKind.DATA, FailureKind.OUT_OF_MEMORY])
def test_faults_of_trials_are_not_held_against_the_node(kind):
    assert tally(ended("a"), *[ended("b", kind)] * 9).unfit() is None


def test_the_last_node_is_never_set_aside():
    assert tally(*BAD).unfit() is None
    assert tally(ended("a"), NodeSetAside(node="a", reason=""), *BAD).unfit() is None


def test_losses_set_a_node_aside_only_while_others_lose_nothing():
    lost = [ended("b", FailureKind.LOST, message="the worker process died")] * 3
    assert tally(ended("a"), *lost).unfit().node == "b"
    assert tally(ended("a", FailureKind.LOST), *lost).unfit() is None


def test_a_node_is_set_aside_once_and_a_new_controller_begins_anew():
    made = tally(ended("a"), ended("c"), *BAD)
    made.apply(made.unfit())
    assert made.unfit() is None
    made.apply(ControllerStarted(owner="x", token=2, workers=1))
    for event in (ended("a"), *BAD):
        made.apply(event)
    assert made.unfit().node == "b"


def test_a_nodes_name_may_hold_colons():
    made = tally(ended("a"), *[ended("fe80::1", FailureKind.NODE)] * 3)
    assert made.unfit().node == "fe80::1"
