"""A real head that wants a token: Ray's own commands bring this user's, and so does a study."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid

import pytest
from ray.util import get_node_ip_address
from raylets import wait_until
from trials.ray_port import certificates

from orchestrator.backends.ray_port import greet
from orchestrator.service.daemon.children import kill_tree
from orchestrator.service.ray_nodes import asking, cluster_of

HEAD = "from ray.scripts.scripts import main; main()"
DRIVER = """
import sys
from orchestrator.backends.ray_connection import Connection
found = Connection(sys.argv[1], 1)
print(found.ray.get(found.ray.remote(lambda: "a worker's answer").remote()))
found.close()
"""
OUTSIDE = str(get_node_ip_address())  # how Ray calls this machine


@pytest.fixture(params=["plain", "encrypted"])
def environment(request, tmp_path, monkeypatch):
    """A user with a token of Ray's, on a cluster that may encrypt."""
    for name, value in certificates(tmp_path / "keys", OUTSIDE).items():
        if request.param == "encrypted":
            monkeypatch.setenv(name, value)
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(uuid.uuid4().hex * 2)
    unset = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    return {**kept, "HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}


@pytest.fixture
def head(environment, tmp_path):
    """Host and port of a head that wants that token."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = free.getsockname()
    words = ["start", "--head", f"--port={place[1]}", "--num-cpus=1", "--include-dashboard=false", "--block"]
    own = tempfile.mkdtemp(prefix="r")  # else every Ray that looks for a cluster finds this one, gone or not
    words.append(f"--temp-dir={own}")
    log = tmp_path / "head.log"
    with log.open("w") as said:
        process = subprocess.Popen([sys.executable, "-c", HEAD, *words], env=environment, stdout=said, stderr=said)
    try:
        wait_until(lambda: "Ray runtime started" in log.read_text() or process.poll() is not None, 300)
        assert process.poll() is None, log.read_text()
        yield place
    finally:
        kill_tree(process.pid)
        process.wait()
        shutil.rmtree(own, ignore_errors=True)


def test_a_study_is_let_in_by_a_head_that_this_user_has_started_and_nobody_else_is(head, environment, tmp_path):
    assert greet(head, connect=5.0, answer=30.0), "it wants a token"

    def run(words, **changed):
        return subprocess.run(
            words, env={**environment, **changed}, capture_output=True, text=True, timeout=300, check=False
        )

    def driver(name="127.0.0.1", **changed):
        return run([sys.executable, "-c", DRIVER, f"{name}:{head[1]}"], **changed)

    for name in ("127.0.0.1", OUTSIDE):  # Ray's own commands name the second
        done = driver(name)
        assert "a worker's answer" in done.stdout, done.stderr
        asked = run(asking(f"{name}:{head[1]}", once=True))
        assert any(map(cluster_of, asked.stdout.splitlines())), asked.stderr
    (tmp_path / "other" / ".ray").mkdir(parents=True)
    assert "it lets in only who brings its token" in driver(HOME=str(tmp_path / "other")).stderr
