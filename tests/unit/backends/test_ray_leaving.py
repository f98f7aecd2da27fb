"""Nothing starts on a node from the moment that it is refused, and another's connection to Ray is left alone."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from types import SimpleNamespace

import grpc
import psutil
import pytest
from trials.ray_port import certificates, head, listening

from orchestrator.backends import ray_connection, ray_port
from orchestrator.backends.protocol import Placed
from orchestrator.backends.ray_backend import RayBackend
from orchestrator.backends.ray_connection import Connection
from orchestrator.backends.ray_nodes import Nodes
from orchestrator.backends.ray_slots import Slot
from orchestrator.backends.ray_versions import versions
from orchestrator.backends.ray_worker import Warm
from reid_core.errors import Conflict, ServerUnreachable


class Actor:
    """Takes every call."""

    def __getattr__(self, _):
        return SimpleNamespace(remote=lambda *_: None)


class Maker:
    """Makes slots that never become ready."""

    def __init__(self):
        self.ended = []

    def make(self):
        return Slot(Actor(), None)

    def end(self, slot):
        self.ended.append(slot)


def backend(*slots):
    """A backend on a cluster with these slots, and no Ray."""
    made = object.__new__(RayBackend)
    made._slots, made._maker, made._nodes = list(slots), Maker(), Nodes(None, watch=False)
    made._connection, made._shipped, made._broken = SimpleNamespace(owned=False, check=lambda: None), False, 0
    made._waiting, made._ending = [], []
    made._ray = SimpleNamespace(get=lambda answer: answer, exceptions=SimpleNamespace(RayError=OSError))
    return made


def warm(host, **changed):
    return Warm(f"{host}:1", f"id-{host}", 1, {**versions(), **changed})


def test_a_node_set_aside_has_no_slots_at_once():
    free, busy = Slot(Actor(), None, warm=warm("bad")), Slot(Actor(), None, warm=warm("bad"), spec="running")
    made = backend(free, busy)
    made._nodes.met("id-bad", "bad")
    made.avoid("bad")
    assert made.slots == 1, "the one that runs"
    assert made._maker.ended == [free]
    with pytest.raises(RuntimeError, match="no free slot"):
        made.start(SimpleNamespace(segment=3))


def test_a_node_with_other_versions_has_no_slots_from_its_greeting_on():
    slot = Slot(Actor(), warm("odd", torch="1.0"))
    made = backend(slot)
    made._greet(slot)
    assert made.slots == 0
    assert made._maker.ended == [slot]


def test_a_segment_is_placed_by_the_worker_that_takes_it():
    made, told = backend(Slot(Actor(), None, warm=warm("north"))), []
    made.start(SimpleNamespace(segment=3))
    made._who_speaks = lambda _: []
    made.pump(told.append, 0.0)
    assert told == [Placed(3, "north:1")]


@pytest.fixture
def connected(monkeypatch):
    """This process is connected to a Ray already; what was shut down."""
    ended = []
    found = SimpleNamespace(
        is_initialized=lambda: True,
        get_runtime_context=lambda: SimpleNamespace(gcs_address="127.0.0.1:6379"),
        shutdown=lambda: ended.append(1),
    )
    monkeypatch.setitem(sys.modules, "ray", found)
    return ended


@pytest.mark.parametrize("address", ["", "auto", "127.0.0.1:6379", "localhost:6379"])
def test_a_ray_that_was_there_is_used_and_left_alone(connected, address):
    connection = Connection(address, 1)
    assert not connection.owned
    connection.close()
    assert connected == []


@pytest.mark.parametrize("address", ["127.0.0.1:6380", "203.0.113.9:6379"])
def test_a_connection_to_another_cluster_is_refused(connected, address):
    with pytest.raises(Conflict, match="connected to the Ray cluster at 127"):
        Connection(address, 1)
    assert connected == []


class Starting:
    """A Ray that fails to start so many times, on a machine with an address outside."""

    util = SimpleNamespace(get_node_ip_address=lambda: "127.0.0.2")

    def __init__(self, failures, because=None):
        self.failures, self.asked, self.ended, self.because = failures, [], 0, because

    def is_initialized(self):
        return False

    def init(self, address, **_):
        self.asked.append(address)
        if len(self.asked) <= self.failures:
            raise Exception("The current node timed out during startup") from self.because  # noqa: TRY002 - as Ray does

    def shutdown(self):
        self.ended += 1


@pytest.mark.parametrize("failures", [0, 1])
def test_a_ray_of_this_machines_own_that_does_not_start_in_time_is_started_again(monkeypatch, failures):
    starting = Starting(failures)
    monkeypatch.setitem(sys.modules, "ray", starting)
    assert Connection("", 1).owned
    assert (starting.asked, starting.ended) == (["local"] * (failures + 1), failures)


def test_a_ray_that_never_starts_is_an_error_with_another_way(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", Starting(9))
    with pytest.raises(ServerUnreachable, match="cannot reach Ray at this machine: The current node") as told:
        Connection("", 1)
    assert "--backend inline" in told.value.hint


def test_a_machine_outside_a_cluster_that_answers_is_told_to_join_it(monkeypatch):
    starting = Starting(9)
    monkeypatch.setitem(sys.modules, "ray", starting)
    with head() as address, pytest.raises(ServerUnreachable) as told:
        Connection(address, 1)
    assert told.value.hint == f"let this machine join first: ray start --address={address} --num-cpus=0"
    assert starting.asked == [address], "a cluster is asked once"


def test_a_cluster_that_does_not_take_the_token_says_so(monkeypatch):
    refused = RuntimeError("RPC error: InvalidAuthToken: Authentication token is missing or incorrect")
    monkeypatch.setitem(sys.modules, "ray", Starting(9, refused))
    with head() as address, pytest.raises(ServerUnreachable) as told:
        Connection(address, 1)
    assert "RAY_AUTH_MODE=token" in told.value.hint


@pytest.fixture
def tokens(monkeypatch, tmp_path):
    """A Ray whose cluster wants a token, and where this user's token would lie."""
    starting = Starting(0)
    starting.read = []
    config = SimpleNamespace(initialize=lambda _: starting.read.append(os.environ["RAY_AUTH_MODE"]))
    starting._raylet = SimpleNamespace(Config=config)
    monkeypatch.setitem(sys.modules, "ray", starting)
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USE_TLS"):
        monkeypatch.setenv(name, "kept")  # so that what the connection sets is unset at the end
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    with head(grpc.StatusCode.UNAUTHENTICATED) as address:
        yield address, tmp_path / "token", starting


def test_a_head_of_this_machine_that_wants_a_token_gets_this_users(tokens):
    address, kept, starting = tokens
    kept.write_text("0" * 64)
    Connection(address, 1)
    assert (starting.read, starting.asked) == (["token"], [address])


@pytest.mark.parametrize("case", ["no token", "opted out", "elsewhere"])
def test_a_cluster_that_wants_a_token_is_told_at_once_and_nothing_is_sent_unasked(tokens, monkeypatch, case):
    address, kept, starting = tokens
    if case != "no token":
        kept.write_text("0" * 64)
    if case == "opted out":
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    if case == "elsewhere":
        monkeypatch.setattr(ray_port, "is_here", lambda _: False)
    with pytest.raises(ServerUnreachable, match="it lets in only who brings its token") as told:
        Connection(address, 1)
    assert "RAY_AUTH_MODE=token" in told.value.hint
    assert starting.asked == []
    assert os.environ.get("RAY_AUTH_MODE") == ("disabled" if case == "opted out" else None)


def test_who_says_that_the_token_is_to_be_brought_brings_it_everywhere(tokens, monkeypatch):
    address, _, starting = tokens
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setattr(ray_port, "is_here", lambda _: False)
    Connection(address, 1)
    assert starting.asked == [address]


def test_this_machine_is_known_by_each_of_its_addresses_whatever_its_name_stands_for(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")  # as where the name is only in /etc/hosts
    own = [one.address for card in psutil.net_if_addrs().values() for one in card if one.family == socket.AF_INET]
    assert [name for name in (*own, "localhost", "127.0.1.1") if not ray_port.is_here(name)] == []
    assert not ray_port.is_here("203.0.113.7")


@pytest.fixture
def nobody():
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"127.0.0.1:{gone.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["{}", "ray://{}", "auto", "no-such-host.invalid:6379"])
def test_a_head_that_does_not_answer_is_to_be_started_and_ray_is_not_asked(monkeypatch, nobody, form):
    starting = Starting(0)
    monkeypatch.setitem(sys.modules, "ray", starting)
    monkeypatch.setattr(ray_connection, "_ANSWER_SECONDS", 1.0)
    monkeypatch.setenv("RAY_ADDRESS", nobody)
    with pytest.raises(ServerUnreachable, match=r"cannot reach Ray at .*: nobody answers there: ") as told:
        Connection(form.format(nobody), 1)
    assert "ray start --head" in told.value.hint
    assert starting.asked == [], "it would try for many minutes"


@pytest.mark.slow
def test_a_head_that_is_about_to_listen_is_waited_for(monkeypatch, nobody):
    starting = Starting(0)
    monkeypatch.setitem(sys.modules, "ray", starting)
    port = int(nobody.rpartition(":")[2])
    with contextlib.ExitStack() as beside:
        threading.Timer(1.0, lambda: beside.enter_context(head(port=port))).start()
        Connection(nobody, 1)
    assert starting.asked == [nobody]


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0\0\0\4"])
def test_who_listens_there_and_is_no_ray_is_told_at_once_and_ray_is_not_asked(monkeypatch, said):
    starting = Starting(0)
    monkeypatch.setitem(sys.modules, "ray", starting)
    with listening(said) as address, pytest.raises(ServerUnreachable, match="it is no head of a Ray cluster") as told:
        Connection(address, 1)
    assert "ray start --head" in told.value.hint
    assert starting.asked == []


@pytest.fixture
def encrypted(monkeypatch, tmp_path):
    """A Ray that encrypts, the certificates of it, and where others lie."""
    starting, keys = Starting(0), certificates(tmp_path / "keys", "127.0.0.2")
    monkeypatch.setitem(sys.modules, "ray", starting)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    return starting, keys, tmp_path


@pytest.mark.parametrize("name", ["127.0.0.1", "127.0.0.2"])  # the first is this machine: Ray asks the second
def test_a_head_that_encrypts_is_greeted_with_its_certificates(encrypted, name):
    starting, keys, _ = encrypted
    with head(keys=keys) as found:
        address = found.replace("127.0.0.1", name)
        Connection(address, 1)
    assert starting.asked == [address]


@pytest.mark.parametrize("case", ["another key", "unencrypted", "key of another place"])
def test_who_does_not_encrypt_with_the_named_certificates_is_no_head_and_ray_is_not_asked(encrypted, monkeypatch, case):
    starting, _, folder = encrypted
    keys: dict[str, str] | None = None
    if case == "another key":
        keys = certificates(folder / "others", "127.0.0.2")
    elif case == "key of another place":
        keys = certificates(folder / "others", "127.0.0.1")
        for name, value in keys.items():
            monkeypatch.setenv(name, value)
    told = "no head of a Ray cluster that the certificates of RAY_USE_TLS belong to"
    with head(keys=keys) as address, pytest.raises(ServerUnreachable, match=told):
        Connection(address, 1)
    assert starting.asked == []


def test_a_head_that_encrypts_is_told_to_who_does_not(encrypted, monkeypatch):
    starting, keys, _ = encrypted
    monkeypatch.delenv("RAY_USE_TLS")
    told = r"no head of a Ray cluster, or of one that encrypts \(RAY_USE_TLS\)"
    with head(keys=keys) as address, pytest.raises(ServerUnreachable, match=told):
        Connection(address, 1)
    assert starting.asked == []


def test_a_certificate_that_cannot_be_read_is_named(encrypted, monkeypatch):
    starting, keys, folder = encrypted
    monkeypatch.setenv("RAY_TLS_CA_CERT", str(folder / "gone.pem"))
    told = r"RAY_USE_TLS is set, and .*gone\.pem cannot be read: No such file"
    with head(keys=keys) as address, pytest.raises(ServerUnreachable, match=told) as refused:
        Connection(address, 1)
    assert "RAY_TLS_CA_CERT" in refused.value.hint
    assert starting.asked == []


def test_who_listens_there_and_says_nothing_is_not_waited_for_without_end(monkeypatch):
    starting = Starting(0)
    monkeypatch.setitem(sys.modules, "ray", starting)
    monkeypatch.setattr(ray_connection, "_GREETING_SECONDS", 0.2)
    told = r"somebody listens there and has not answered within 0\.2 s"
    with listening(None) as address, pytest.raises(ServerUnreachable, match=told):
        Connection(address, 1)
    assert starting.asked == []


def test_an_address_that_names_no_port_is_for_ray_to_find(monkeypatch):
    starting = Starting(0)
    monkeypatch.setitem(sys.modules, "ray", starting)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    Connection("auto", 1)
    assert starting.asked == ["auto"]
