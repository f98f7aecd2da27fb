"""A node whose cable is taken out and put in again: hosts in network namespaces, a raylet on each."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from namespaces import hosts
from raylets import TESTS, wait_until
from trials.studies import created

from orchestrator.events import EpochReported, OutcomeKind, SegmentEnded, StudyStatus
from orchestrator.store import open_store
from orchestrator.trial.kinds import FailureKind

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1500)]
RAY = str(Path(sys.executable).with_name("ray"))
UNTIL_STARTED = 'until grep -q "Ray runtime started" "$0"; do "$@"; done'
"""Ray gives up on a raylet that does not start within thirty seconds, too few on a busy machine."""
MISSED = {
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 5,
    "health_check_initial_delay_ms": 0,
}
DRIVER = """
import sys
from pathlib import Path
from orchestrator.backends.ray_backend import RayBackend
from orchestrator.store import open_store
from orchestrator.trial.protocol import Resources
from trials.studies import controller
folder, address = Path(sys.argv[1]), sys.argv[2]
backend = RayBackend(2, Resources(1, silence=300.0), address=address, trial="trials.curves:CurveTrial")
try:
    print(controller(open_store(folder / "studies.db"), "id-curves", folder, backend).run().status.value)
finally:
    backend.close()
"""


def test_what_a_node_reports_after_its_cable_was_out_is_refused_and_nothing_is_lost_or_twice(tmp_path):
    store = open_store(tmp_path / "studies.db")
    store.create_study(created(trials=5, **{"TEST.DELAY": 0.3}), 0.0)

    def log():
        return [one.event for one in store.events("id-curves")]

    def lost():
        return [one for one in log() if isinstance(one, SegmentEnded) and one.failure is FailureKind.LOST]

    def reports():
        return [one for one in log() if isinstance(one, EpochReported)]

    environment = {
        **os.environ,
        "PYTHONPATH": TESTS,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_raylet_start_wait_time_s": "120",
    }
    with hosts("head", "island", "coast") as network:
        head = f"{network.addresses['head']}:6379"
        for name in network.addresses:
            here = ["--head", "--port=6379", "--include-dashboard=false", f"--system-config={json.dumps(MISSED)}"]
            words = [*(here if name == "head" else [f"--address={head}"]), f"--num-cpus={int(name != 'head')}"]
            words += [f"--node-ip-address={network.addresses[name]}", "--disable-usage-stats", "--block"]
            said = tmp_path / f"{name}.log"
            network.start(name, ["sh", "-c", UNTIL_STARTED, str(said), RAY, "start", *words], environment, said)
            wait_until(lambda said=said: "Ray runtime started" in said.read_text(), 400)
        driver = network.start(
            "head", [sys.executable, "-c", DRIVER, str(tmp_path), head], environment, tmp_path / "driver.log"
        )

        def islands_own():
            """A segment that runs on the island now, as its trial's log tells."""
            told = {path.parent: path.read_text() for path in (tmp_path / "trials").glob("*/trial.log")}
            return [text for text in told.values() if "on island:" in text.splitlines()[-1]]

        wait_until(lambda: driver.poll() is not None or (islands_own() and reports()), 400)
        assert driver.poll() is None, (tmp_path / "driver.log").read_text()
        network.cut("island")
        wait_until(lambda: lost() or driver.poll() is not None, 400)
        network.heal("island")
        assert driver.wait(400) == 0, (tmp_path / "driver.log").read_text()
    assert StudyStatus.COMPLETED in (tmp_path / "driver.log").read_text().splitlines()
    gone = lost()
    assert {one.worker.rpartition(":")[0] for one in gone} == {"island"}
    for one in gone:
        later = log()[log().index(one) + 1 :]
        assert not [late for late in later if isinstance(late, EpochReported) and late.segment == one.segment]
    told = [(one.trial, one.epoch) for one in reports()]
    assert len(told) == len(set(told)) == created(trials=5).plan.epochs
    ended = [one for one in log() if isinstance(one, SegmentEnded) and one.outcome is OutcomeKind.COMPLETED]
    assert ended
