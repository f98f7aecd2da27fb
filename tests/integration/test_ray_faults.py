"""What a cluster suffers, on real raylets: nodes that join, die, are cut off, are bad, or run other software."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from contract.backend_contract import drain, spec
from raylets import TESTS, raylets, wait_until
from trials.starting import STARTS
from trials.studies import controller, created

from orchestrator.backends.protocol import Ended, Reported
from orchestrator.backends.ray_versions import versions
from orchestrator.backends.ray_worker import NOTICE
from orchestrator.backends.run_segment import REID_TRIAL
from orchestrator.events import EpochReported, NodeSetAside, OutcomeKind, SegmentEnded, StudyStatus
from orchestrator.store import MemoryStore, open_store
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Completed, Failed, Paused, Resources
from reid_core.api import Protocol, train
from reid_core.config import from_values, to_values
from reid_core.engine.checkpoint import load
from reid_core.errors import Conflict
from reid_core.results import UNFINISHED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
ONE_CPU = Resources(1)
QUICK_TO_MISS = {
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 8,
    "health_check_initial_delay_ms": 0,
}
"""A node that does not answer for four seconds is dead; Ray waits for some fifteen."""


@pytest.fixture(scope="module")
def cluster():
    """Two nodes: `north`, and `south` in the pool `blue`, each with one CPU."""
    with raylets(**QUICK_TO_MISS) as made:
        made.join("north", labels={"pool": "red"})
        made.join("south", labels={"pool": "blue"}, resources={"scanner": 1}, memory=2**30)
        yield made


@pytest.fixture
def place(cluster):
    """Backends on the cluster, closed afterwards."""
    from orchestrator.backends.ray_backend import RayBackend

    made = []

    def make(slots, resources=ONE_CPU, trial="trials.curves:CurveTrial"):
        made.append(RayBackend(slots, resources, address=cluster.address, trial=trial))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


def until_slots(backend, count):
    """Pump until so many workers are ready."""
    wait_until(lambda: backend.pump(print, 0.2) or backend.slots == count)


def run(backend, folder, *, see=None, **config):
    """The log of a study of five trials on the backend."""
    store = MemoryStore()
    store.create_study(created(trials=5, **config), 0.0)
    state = controller(store, "id-curves", folder, backend, observer=see).run()
    log = [logged.event for logged in store.events("id-curves")]
    assert state.status is StudyStatus.COMPLETED
    assert state.epochs_spent == state.created.plan.epochs
    assert_each_epoch_once(log)
    return log


def assert_each_epoch_once(log):
    reported = [(event.trial, event.epoch) for event in log if isinstance(event, EpochReported)]
    assert len(reported) == len(set(reported))


def node_of(event):
    return event.worker.rpartition(":")[0]


def test_segments_run_where_there_is_what_they_take(place, tmp_path):
    backend = place(2, Resources(1, memory_gb=0.9, labels={"pool": "!red"}, custom={"scanner": 1.0}))
    assert backend.slots == 1  # the second waits for a node that has room
    backend.start(spec(tmp_path))
    ended = drain(backend, 1)[-1]
    assert isinstance(ended.outcome, Completed)
    assert node_of(ended) == "south"


@pytest.mark.faults
def test_slots_without_room_are_what_ray_records_as_wanted_until_the_study_leaves(cluster, place):
    from ray._raylet import GcsClient
    from ray.autoscaler.v2.sdk import get_cluster_resource_state

    def wanted():
        """CPUs that the cluster's autoscaler is to make room for, in the pool of this test."""
        state = get_cluster_resource_state(GcsClient(address=cluster.address))
        pending = [(one.request, one.count) for one in state.pending_resource_requests]
        return sum(ask.resources_bundle["CPU"] * count for ask, count in pending if "dry" in str(ask.label_selectors))

    assert wanted() == 0
    cluster.join("only", labels={"pool": "dry"})
    backend = place(3, Resources(1, labels={"pool": "dry"}))
    until_slots(backend, 1)
    wait_until(lambda: wanted() == 2)
    cluster.join("more", labels={"pool": "dry"})  # as the autoscaler would
    until_slots(backend, 2)
    wait_until(lambda: wanted() == 1)
    backend.close()
    wait_until(lambda: wanted() == 0)
    cluster.kill("only")
    cluster.kill("more")


def test_warned_worker_pauses_with_a_checkpoint_and_another_takes_its_place(place, tmp_path):
    backend = place(1)
    backend.start(spec(tmp_path, to_epoch=2000, **{"TEST.DELAY": 0.05}))

    def warn(message):
        if isinstance(message, Reported) and message.epoch == 2:
            os.kill(int(backend.workers()[0].rpartition(":")[2]), signal.SIGTERM)

    ended = drain(backend, 1, on_message=warn)[-1]
    assert isinstance(ended.outcome, Paused)
    assert 2 <= ended.outcome.checkpoint.epoch < 2000
    until_slots(backend, 1)
    backend.start(spec(tmp_path, 2))
    assert isinstance(drain(backend, 1)[-1].outcome, Completed)


def test_ended_segment_takes_its_processes_with_it_and_its_slot_works_again(place, tmp_path):
    backend = place(1)
    pid = int(backend.workers()[0].rpartition(":")[2])
    backend.start(spec(tmp_path, to_epoch=2000, **{"TEST.DELAY": 0.05}))
    backend.end(1, Failed(FailureKind.TIMEOUT, "no sign of life", retryable=True))
    ended = drain(backend, 1)[-1]
    assert ended == Ended(1, ended.outcome, 0.0, ended.worker)
    assert ended.outcome.kind is FailureKind.TIMEOUT
    wait_until(lambda: backend.pump(print, 0.1) or not psutil.pid_exists(pid))
    until_slots(backend, 1)
    backend.start(spec(tmp_path, 2))
    assert isinstance(drain(backend, 1)[-1].outcome, Completed)


@pytest.mark.faults
def test_bad_node_is_set_aside_and_the_study_ends_on_the_other(place, tmp_path):
    backend = place(2, trial="trials.nodes:NodeTrial")
    until_slots(backend, 2)
    options = {"TEST.BAD_NODE": "south", "TEST.FAILURES": str(tmp_path / "failures")}
    log = run(backend, tmp_path, **options)
    (aside,) = [event for event in log if isinstance(event, NodeSetAside)]
    assert aside.node == "south"
    assert "ECC" in aside.reason
    ended = [event for event in log[log.index(aside) :] if isinstance(event, SegmentEnded)]
    assert {node_of(event) for event in ended if event.outcome is OutcomeKind.COMPLETED} == {"north"}


def test_node_with_other_software_is_refused_by_name_before_any_work(cluster, monkeypatch):
    from orchestrator.backends import ray_backend

    monkeypatch.setattr(ray_backend, "versions", lambda: versions() | {"reid-tune": "0.0.1"})
    with pytest.raises(Conflict, match=r"node north has other versions: reid-tune \S+ there, 0\.0\.1 here"):
        ray_backend.RayBackend(1, Resources(1, labels={"pool": "red"}), address=cluster.address)


def test_killed_node_loses_its_segment_to_another_and_one_that_joins_is_used(cluster, place, tmp_path):
    cluster.join("east", labels={"pool": "green"})
    backend = place(2, Resources(1, labels={"pool": "green"}))
    assert backend.slots == 1
    seen = []

    def see(logged, _):
        if isinstance(logged.event, EpochReported) and not seen:
            seen.append(logged.event)
            cluster.join("west", labels={"pool": "green"})
            cluster.kill("east")

    log = run(backend, tmp_path, see=see, **{"TEST.DELAY": 0.3})
    lost = [event for event in log if isinstance(event, SegmentEnded) and event.failure is FailureKind.LOST]
    assert {node_of(event) for event in lost} == {"east"}
    assert all("east" in event.message for event in lost)
    ended = [event for event in log if isinstance(event, SegmentEnded) and event.outcome is OutcomeKind.COMPLETED]
    assert node_of(ended[-1]) == "west"
    cluster.kill("west")


@pytest.mark.faults
def test_a_node_that_dies_while_its_worker_starts_is_not_taken_for_other_software(cluster, place, tmp_path):
    began = tmp_path / "began"
    cluster.join("weak", labels={"pool": "grey"}, environment={STARTS: str(began)})

    def end_it():
        wait_until(began.exists)
        cluster.kill("weak")

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(end_it)
        backend = place(1, Resources(1, labels={"pool": "grey"}), trial="trials.starting:StartingTrial")
        ended.result()
    assert backend.slots == 0
    cluster.join("strong", labels={"pool": "grey"})
    until_slots(backend, 1)
    log = run(backend, tmp_path)
    assert {node_of(event) for event in log if isinstance(event, SegmentEnded)} == {"strong"}
    cluster.kill("strong")


@pytest.mark.faults
def test_late_report_of_a_node_that_was_cut_off_is_refused(cluster, place, tmp_path):
    """The node is frozen with all its processes until the cluster counts it as dead, then goes on."""
    frozen = []
    node = cluster.join("island", labels={"pool": "sea"})
    cluster.join("coast", labels={"pool": "sea"})
    backend = place(2, Resources(1, labels={"pool": "sea"}))
    until_slots(backend, 2)
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)

    def see(logged, _):
        event = logged.event
        if isinstance(event, EpochReported) and event.epoch >= 1 and not frozen:
            frozen.extend([raylet, *raylet.children(recursive=True)])
            for process in frozen:
                process.suspend()
        if isinstance(event, SegmentEnded) and event.failure is FailureKind.LOST:
            for process in frozen:
                if process.is_running():
                    process.resume()

    log = run(backend, tmp_path, see=see, **{"TEST.DELAY": 0.05})
    lost = [event for event in log if isinstance(event, SegmentEnded) and event.failure is FailureKind.LOST]
    assert {node_of(event) for event in lost} == {"island"}
    over = {event.segment for event in lost}
    for event in lost:
        later = log[log.index(event) + 1 :]
        assert not [one for one in later if isinstance(one, EpochReported) and one.segment in over]
    cluster.kill("coast")
    cluster.kill("island")


DRIVER = """
import sys
from pathlib import Path
from orchestrator.backends.ray_backend import RayBackend
from orchestrator.store import open_store
from orchestrator.trial.protocol import Resources
from reid_core.errors import ServerUnreachable
from trials.studies import controller
folder, address = Path(sys.argv[1]), sys.argv[2]
backend = RayBackend(1, Resources(1), address=address, trial="trials.curves:CurveTrial")
def see(logged, state):
    print(logged.event.kind, flush=True)
try:
    state = controller(open_store(folder / "studies.db"), "id-curves", folder, backend, observer=see).run()
    print(state.status.value)
except ServerUnreachable as error:
    print(error)
finally:
    backend.close()
"""


@pytest.mark.faults
@pytest.mark.timeout(500)
@pytest.mark.parametrize("whole", [False, True], ids=["gcs", "node"])
def test_head_killed_ends_the_controller_with_a_word_and_a_new_head_goes_on(tmp_path, whole):
    store = open_store(tmp_path / "studies.db")
    store.create_study(created(trials=5, **{"TEST.DELAY": 1.0}), 0.0)

    def driver(address):
        words = [sys.executable, "-c", DRIVER, str(tmp_path), address]
        return subprocess.Popen(words, env={**os.environ, "PYTHONPATH": TESTS}, stdout=subprocess.PIPE, text=True)

    with raylets(**QUICK_TO_MISS) as first:
        first.join("north")
        started = driver(first.address)
        for line in started.stdout:
            if line.startswith("epoch_reported"):
                break
        if whole:
            first.cluster.remove_node(first.head, allow_graceful=False)
        else:
            first.head.kill_gcs_server()
        said, _ = started.communicate(timeout=90)
        assert "the head of the Ray cluster" in said
        assert "is gone" in said
        assert "run --resume" in said
    before = len(list(store.events("id-curves")))
    assert store.holder("id-curves") is None
    with raylets(**QUICK_TO_MISS) as second:
        second.join("north")
        said, _ = driver(second.address).communicate(timeout=200)
        assert said.strip().endswith("completed")
    log = [logged.event for logged in store.events("id-curves")]
    assert len(log) > before
    assert_each_epoch_once(log)
    assert sum(isinstance(event, EpochReported) for event in log) == created(trials=5).plan.epochs


SMALL = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
    "MODEL.BACKBONE.DEPTH": "0.1x",
    "MODEL.BACKBONE.NORM": "syncBN",
    "MODEL.HEADS.NORM": "syncBN",
    "MODEL.LOSSES.NAME": ["CrossEntropyLoss", "TripletLoss"],
    "INPUT.SIZE_TRAIN": [32, 32],
    "INPUT.SIZE_TEST": [32, 32],
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.CAMERAS": 2,
    "DATASETS.SYNTHETIC.IMAGES": 2,
    "DATALOADER.SAMPLER_TRAIN": "BalancedIdentitySampler",
    "DATALOADER.NUM_INSTANCE": 2,
    "SOLVER.OPT": "SGD",
    "SOLVER.BASE_LR": 1e-3,
    "SOLVER.IMS_PER_BATCH": 8,
    "SOLVER.MAX_EPOCH": 2,
}


def test_training_over_two_nodes_is_that_of_one_node_bit_by_bit(place, tmp_path):
    """One process a node, gloo between them, resumed from a checkpoint on the way.

    That two processes here train as one does is shown in float64 by the tests of the engine.
    """
    config = {**to_values(from_values({**SMALL, "DATALOADER.CACHE_DIR": str(tmp_path / "cache")}))}
    both = Resources(2, nodes=2)
    backend = place(1, both, trial=REID_TRIAL)
    until_slots(backend, 1)
    made = replace(spec(tmp_path, 1, to_epoch=1), config=config, resources=both)
    backend.start(made)
    first = drain(backend, 1)
    assert isinstance(first[-1].outcome, Completed), first
    saved = first[-1].outcome.checkpoint
    backend.start(replace(made, from_epoch=1, to_epoch=2, checkpoint=saved))
    second = drain(backend, 1)
    assert isinstance(second[-1].outcome, Completed), second
    here, alone = [], []
    both_here = {"protocol": Protocol.VALIDATION, "threads": 2, "processes": 2}
    train(from_values(config), directory=tmp_path / "here", on_epoch=here.append, **both_here)
    train(from_values(config), directory=tmp_path / "alone", on_epoch=alone.append, protocol=Protocol.VALIDATION)
    reported = [message for message in first + second if isinstance(message, Reported)]
    assert [message.epoch for message in reported] == [1, 2]
    assert [message.metrics["loss"] for message in reported] == [one.metrics["loss"] for one in here]
    assert reported[0].metrics["loss"] == pytest.approx(alone[0].metrics["loss"], rel=0.05)
    weights, same = (load(Path(one.path)).model for one in (second[-1].outcome.checkpoint, here[-1].checkpoint))
    for name, value in same.items():
        assert torch.equal(weights[name], value), name


def test_warned_training_is_left_within_its_epoch_and_another_goes_on_there_bit_by_bit(place, tmp_path):
    values = {**SMALL, "SOLVER.MAX_EPOCH": 8, "DATALOADER.CACHE_DIR": str(tmp_path / "cache")}
    config = {**to_values(from_values(values))}
    backend = place(1, trial=REID_TRIAL)
    until_slots(backend, 1)
    made = replace(spec(tmp_path, 1, to_epoch=8), config=config)
    folder, said = Path(made.directory), []
    backend.start(made)
    wait_until(lambda: backend.pump(said.append, 0.02) or (folder / "trial.log").exists())
    os.kill(int(backend.workers()[0].rpartition(":")[2]), signal.SIGTERM)
    said += drain(backend, 1)
    assert isinstance(said[-1].outcome, Paused), said[-1]
    assert (folder / UNFINISHED).is_file()
    saved = said[-1].outcome.checkpoint
    until_slots(backend, 1)
    backend.start(replace(made, from_epoch=saved.epoch if saved else 0, checkpoint=saved))
    said += drain(backend, 1)
    assert isinstance(said[-1].outcome, Completed), said[-1]
    assert "goes on within epoch" in (folder / "trial.log").read_text()
    whole = []
    train(from_values(config), directory=tmp_path / "whole", on_epoch=whole.append, protocol=made.protocol, threads=1)
    reported = [message for message in said if isinstance(message, Reported)]
    assert [message.epoch for message in reported] == list(range(1, 9))
    assert [message.metrics["loss"] for message in reported] == [one.metrics["loss"] for one in whole]
    weights, same = (load(Path(one.path)).model for one in (said[-1].outcome.checkpoint, whole[-1].checkpoint))
    assert all(torch.equal(weights[name], value) for name, value in same.items())


def test_node_whose_notice_lies_in_a_file_pauses_its_segment_and_is_left(cluster, place, tmp_path):
    notice = tmp_path / "notice"
    cluster.join("brief", labels={"pool": "brief"}, environment={NOTICE: str(notice)})
    backend = place(1, Resources(1, labels={"pool": "brief"}))
    until_slots(backend, 1)
    backend.start(spec(tmp_path, to_epoch=2000, **{"TEST.DELAY": 0.05}))
    cluster.join("lasting", labels={"pool": "brief"})
    notice.touch()
    ended = drain(backend, 1)[-1]
    assert isinstance(ended.outcome, Paused)
    assert node_of(ended) == "brief"
    until_slots(backend, 1)
    backend.start(spec(tmp_path, 2))
    assert node_of(drain(backend, 1)[-1]) == "lasting"
    cluster.kill("brief")
    cluster.kill("lasting")


@pytest.mark.faults
def test_node_that_is_to_be_preempted_pauses_its_segment_and_is_left(cluster, place, tmp_path):
    """Ray's own notice (its autoscaler gives it) reaches the segment; nothing more is started on that node."""
    from ray._raylet import GcsClient
    from ray.core.generated import autoscaler_pb2

    cluster.join("spot", labels={"pool": "spot"})
    cluster.join("spare", labels={"pool": "spot"})
    backend = place(1, Resources(1, labels={"pool": "spot"}))
    backend.start(spec(tmp_path, to_epoch=2000, **{"TEST.DELAY": 0.05}))
    there = backend.workers()[0].rpartition(":")[0]
    deadline = int((time.time() + 120) * 1000)
    preempted = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    drained = cluster.nodes[there].node_id
    accepted, why = GcsClient(address=cluster.address).drain_node(drained, preempted, "taken away", deadline)
    assert accepted, why
    ended = drain(backend, 1)[-1]
    assert isinstance(ended.outcome, Paused)
    assert node_of(ended) == there
    until_slots(backend, 1)
    backend.start(spec(tmp_path, 2))
    other = drain(backend, 1)[-1]
    assert node_of(other) != there
    cluster.kill("spot")
    cluster.kill("spare")
