from __future__ import annotations

import io
import json
import os
import socket
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from orchestrator.cli.main import main
from orchestrator.cli.watch import drawn
from orchestrator.events import NodeSetAside
from orchestrator.service.daemon import record
from orchestrator.service.daemon.record import Record
from orchestrator.service.overview import Nodes, NodeView, overview, ray_address, this_node
from orchestrator.service.service import Service

sys.path.insert(0, str(Path(__file__).parents[1] / "dashboards"))
from sample_study import SampleStudy


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setenv("REID_TUNE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    made = Service()
    yield made
    made.close()


def shown(found, width):
    out = io.StringIO()
    Console(file=out, width=width).print(drawn(found))
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 80, 160])
def test_running_studies_their_rates_and_failures_are_shown_without_a_daemon(service, width):
    study = SampleStudy(service, name="cows")
    study.half_way()
    study.append(NodeSetAside(node="far", reason="its disk is full"))
    text = shown(overview(service, Nodes()), width)
    assert "no daemon" in text
    assert "diverged 1" in text
    assert "epochs/min" in text
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    one = overview(service, Nodes()).service.running[0]
    assert (one.name, one.slots, one.epochs_spent) == ("cows", 1, service.state("cows").epochs_spent)


def test_nodes_of_a_cluster_are_shown_with_what_is_used_and_why_one_is_set_aside(service, monkeypatch):
    study = SampleStudy(service, name="cows")
    study.append(NodeSetAside(node="far", reason="its disk is full"))
    told = (NodeView(name="far", cores=8, cores_used=3, gpus=2, gpus_used=0.5), NodeView(name="near", cores=4))
    monkeypatch.setattr(Nodes, "known", lambda _: told)
    found = overview(service, Nodes())
    assert [(one.name, one.set_aside) for one in found.nodes] == [("far", "its disk is full"), ("near", "")]
    assert "0.5/2" in shown(found, 120)


def test_a_service_with_nothing_in_it_says_so_once_and_as_json(service, capfd):
    with pytest.raises(SystemExit):
        main(["status", "--watch"])
    assert "no study runs" in capfd.readouterr().out
    with pytest.raises(SystemExit):
        main(["status", "--watch", "--json"])
    found = json.loads(capfd.readouterr().out)
    assert (found["service"]["running"], found["failures"], len(found["nodes"])) == ([], {}, 1)


def test_a_cluster_that_is_gone_leaves_this_machine(service, monkeypatch):
    monkeypatch.setattr("orchestrator.service.ray_nodes.ASK", "raise SystemExit(1)")
    with Nodes("ray://nowhere:1") as nodes:
        nodes.wait(30)
        assert [one.name for one in nodes.known()] == [this_node().name]


@pytest.mark.slow
def test_the_cluster_is_that_of_the_study_or_of_the_service_or_of_the_environment(service, monkeypatch):
    assert not ray_address(service)
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert ray_address(service) == "head:6379"
    up = Record(
        pid=os.getpid(),
        machine=socket.gethostname(),
        host="127.0.0.1",
        port=0,
        started=psutil.Process().create_time(),
        version="1",
        slots=2,
    )
    record.write(service.home, up)
    assert ray_address(service) == "head:6379"
    record.write(service.home, up.model_copy(update={"ray_address": "cluster:6379"}))
    assert ray_address(service) == "cluster:6379"
    SampleStudy(service, name="cows", ray_address="own:6379").half_way()
    assert ray_address(service) == "own:6379"
