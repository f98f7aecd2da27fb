"""What a slot asks of Ray, and how Ray's answers read: without a Ray."""

from __future__ import annotations

import pytest

from orchestrator.backends.ray_failures import failure_of
from orchestrator.backends.ray_placement import GIB, bundle, labels, options
from orchestrator.backends.ray_versions import differences, versions
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Resources
from reid_core.errors import InvalidInput


def test_segment_on_one_node_takes_all_of_its_resources_there():
    wanted = Resources(4, 0.5, memory_gb=1.5, custom={"scanner": 2.0})
    assert options(wanted) == {
        "num_cpus": 4,
        "num_gpus": 0.5,
        "memory": int(1.5 * GIB),
        "resources": {"scanner": 2.0},
    }
    assert options(Resources(2)) == {"num_cpus": 2, "num_gpus": 0.0}


def test_segment_on_several_nodes_is_divided_over_them():
    assert bundle(Resources(8, 4.0, memory_gb=2, nodes=2)) == {"CPU": 4, "GPU": 2.0, "memory": GIB}
    assert bundle(Resources(1, nodes=2)) == {"CPU": 1.0}


@pytest.mark.parametrize("wanted", [Resources(1, 1.5), Resources(1, 3.0, nodes=2), Resources(1, 0.5, nodes=2)])
def test_gpus_that_do_not_divide_are_refused(wanted):
    with pytest.raises(InvalidInput, match="GPUs"):
        bundle(wanted)


def test_avoided_nodes_are_left_out_by_their_identity():
    assert labels({"pool": "blue"}, {"b", "a"}) == {"pool": "blue", "ray.io/node-id": "!in(a,b)"}
    assert labels({}, ()) == {}


def test_same_versions_do_not_differ_and_others_are_named_on_both_sides():
    mine = versions()
    assert differences(mine, dict(mine)) == ""
    assert differences({**mine, "torch": "2.1"}, {**mine, "torch": "2.0"}) == "torch 2.0 there, 2.1 here"


@pytest.mark.parametrize(
    ("here", "there"), [({"python": "3.11.2"}, {"python": "3.11.9"}), ({"torch": "2.1+cpu"}, {"torch": "2.1+cu128"})]
)
def test_patches_of_python_and_builds_of_torch_do_not_matter(here, there):
    assert differences(here, there) == ""


def test_shipped_code_is_this_code_whatever_the_node_has_installed():
    assert differences({"reid-tune": "2", "ray": "1"}, {"reid-tune": "1", "ray": "1"}, shipped=True) == ""
    assert "ray" in differences({"ray": "2"}, {}, shipped=True)


class OutOfMemoryError(Exception):
    """Ray's by name."""


class ActorUnavailableError(Exception):
    """Ray's by name."""


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OutOfMemoryError("killed"), FailureKind.OUT_OF_MEMORY, "node n ran out of memory"),
        (RuntimeError("Task was killed due to the node running low on memory."), FailureKind.OUT_OF_MEMORY, "node n"),
        (RuntimeError("died because its node has died. Node Id: 1"), FailureKind.LOST, "the node n is gone"),
        (ActorUnavailableError("RpcError"), FailureKind.LOST, "the worker on node n does not answer"),
        (RuntimeError("exit; perhaps the OOM killer"), FailureKind.LOST, "the worker process died on node n: exit"),
        (StopIteration(), FailureKind.LOST, "StopIteration"),
    ],
)
def test_what_ray_says_of_a_dead_worker_becomes_a_kind_and_names_the_node(error, kind, words):
    failed = failure_of(error, "n")
    assert failed.kind is kind
    assert failed.retryable
    assert words in failed.message
