"""Studies whose checkpoints are kept under a URL: nodes come and go, stores fail, files are torn."""

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from trials.curves import CurveTrial
from trials.store_server import SECRET, s3_server
from trials.studies import controller, created

from orchestrator.backends.inline import InlineBackend
from orchestrator.events import CommandGiven, CommandKind, Keep, TrialStatus, event_to_json
from orchestrator.store import MemoryStore
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.lasting import PATIENCE, run_lasting
from orchestrator.trial.protocol import Beginning, Best, CheckpointRef, Completed, Failed, Paused, SegmentSpec
from orchestrator.trial.vault import Vault, vault_of
from reid_core.results import UNFINISHED


def study(url, **changes):
    store = MemoryStore()
    store.create_study(created(trials=3, max_epochs=9).model_copy(update={"checkpoints": url, **changes}), 0.0)
    return store


def results(state):
    """What was measured; how the machine was used is another matter."""
    return {
        number: (
            trial.values,
            {
                epoch: {name: value for name, value in told.items() if name in {"mAP", "mINP", "rank1", "loss"}}
                for epoch, told in trial.history.items()
            },
        )
        for number, trial in state.trials.items()
    }


@pytest.fixture
def plain(tmp_path):
    """What the study finds without a vault."""
    return results(controller(study(""), "id-curves", tmp_path / "plain").run())


def kept_epochs(url, trial):
    names = [one.url.rpartition("/")[2] for one in Vault(vault_of(url, "id-curves", trial)).files()]
    return sorted(int(name.split("-")[1]) for name in names)


def test_a_study_over_s3_finds_the_same_and_keeps_what_its_policy_says(plain, tmp_path, monkeypatch):
    with s3_server(monkeypatch):
        store = study("s3://lab/runs")
        state = controller(store, "id-curves", tmp_path / "there").run()
        assert results(state) == plain
        for number, trial in state.trials.items():
            assert trial.checkpoint.path.startswith(f"s3://lab/runs/id-curves/{number:04d}/epoch-")
            assert kept_epochs("s3://lab/runs", number) == [rung for rung in (1, 3, 9) if rung <= trial.epoch]
        log = "\n".join(event_to_json(one.event) for one in store.events("id-curves"))
        assert SECRET not in log
        assert SECRET not in "".join(path.read_text() for path in tmp_path.rglob("trial.log"))


@pytest.mark.parametrize("keep", [Keep.LAST, Keep.ALL])
def test_other_policies_hold_under_a_url_too(tmp_path, keep):
    url = f"file://{tmp_path}/vault"
    state = controller(study(url, keep=keep), "id-curves", tmp_path / "there").run()
    for number, trial in state.trials.items():
        expected = [trial.epoch] if keep is Keep.LAST else list(range(1, trial.epoch + 1))
        assert kept_epochs(url, number) == expected


def test_another_node_without_a_shared_disk_goes_on_from_the_vault(plain, tmp_path):
    store = study(f"file://{tmp_path}/vault")
    first = controller(store, "id-curves", tmp_path / "node-a")
    first.interrupt("the test")
    first.run()
    asked = 0
    while asked < 20:  # every segment on a node of its own
        asked += 1
        node = controller(store, "id-curves", tmp_path / f"node-{asked}")
        if node.run().ended_at is not None:
            break
        store.post("id-curves", CommandGiven(command=CommandKind.PAUSE), 0.0)
        shutil.rmtree(tmp_path / f"node-{asked}", ignore_errors=True)
    assert results(node.state) == plain


def spec(tmp_path, **changes):
    values = {"trial": 1, "segment": 2, "config": {"lr": 1e-3}, "from_epoch": 0, "to_epoch": 3, "checkpoint": None}
    values |= {"study": "s", "seed": 0, "directory": str(tmp_path / "node" / "0001")}
    Path(values["directory"]).mkdir(parents=True, exist_ok=True)
    return SegmentSpec(**{**values, **changes})


class Context:
    """Notes what a segment says."""

    def __init__(self):
        self.said, self.lines, self.stop = [], [], False

    def report(self, epoch, metrics):
        self.said.append(("report", epoch, metrics["mAP"]))

    def save(self, checkpoint):
        self.said.append(("save", checkpoint.epoch, checkpoint.path))

    def should_stop(self):
        return self.stop

    def log(self, line):
        self.lines.append(line)


class LeavingTrial(CurveTrial):
    """Leaves the middle of an epoch behind, unless it finds one: then it goes on to the end."""

    def run(self, spec, context):
        middle = Path(spec.directory) / UNFINISHED
        if middle.is_file():
            context.log(f"found {middle.read_text()}")
            middle.unlink()
            return super().run(spec, context)
        outcome = super().run(replace(spec, to_epoch=1), context)
        middle.write_text("half of epoch 2")
        return Paused(outcome.checkpoint)


def test_the_middle_of_an_epoch_reaches_another_node_through_the_vault_and_is_removed_after_it(tmp_path):
    url = f"file://{tmp_path}/vault"
    first = run_lasting(LeavingTrial(), spec(tmp_path, vault=url), Context())
    assert isinstance(first, Paused)
    shutil.rmtree(tmp_path / "node")
    context = Context()
    rest = spec(tmp_path, vault=url, from_epoch=1, checkpoint=first.checkpoint)
    assert isinstance(run_lasting(LeavingTrial(), rest, context), Completed)
    assert "found half of epoch 2" in context.lines
    assert not [one for one in Vault(url).files() if one.url.endswith(".part")]


def test_a_torn_middle_of_an_epoch_is_told_and_the_epoch_trained_anew(tmp_path):
    url = f"file://{tmp_path}/vault"
    first = run_lasting(LeavingTrial(), spec(tmp_path, vault=url), Context())
    (part,) = (tmp_path / "vault").glob("*.part")
    part.write_text("half of")
    shutil.rmtree(tmp_path / "node")
    context = Context()
    rest = spec(tmp_path, vault=url, from_epoch=1, checkpoint=first.checkpoint)
    assert isinstance(run_lasting(CurveTrial(), rest, context), Completed)
    assert any("cannot be fetched, it is trained anew" in line for line in context.lines)


def test_the_outcome_names_the_vault_and_comes_after_the_last_upload(tmp_path):
    url = f"file://{tmp_path}/vault"
    context = Context()
    outcome = run_lasting(CurveTrial(), spec(tmp_path, vault=url), context)
    assert isinstance(outcome, Completed)
    assert outcome.checkpoint.path.startswith(url)
    assert [said[1] for said in context.said if said[0] == "save"][-1] == 3
    assert [said[1] for said in context.said if said[0] == "report"] == [1, 2, 3]
    assert [path.name for path in (tmp_path / "node" / "0001").glob("*.json")] == ["epoch-3.json"]
    again = run_lasting(CurveTrial(), spec(tmp_path, vault=url, from_epoch=3, checkpoint=outcome.checkpoint), Context())
    assert again == outcome  # nothing was left to do


def test_a_store_that_is_gone_at_the_end_fails_the_segment_retryably_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setenv(PATIENCE, "0.3")
    blocked = tmp_path / "vault"
    blocked.write_text("a file where a folder should be")
    context = Context()
    outcome = run_lasting(CurveTrial(), spec(tmp_path, vault=f"file://{blocked}/x"), context)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.retryable) == (FailureKind.DATA, True)
    assert [said[1] for said in context.said] == [1, 2, 3]  # reports were not held back, nothing was saved
    assert any("is not uploaded yet" in line for line in context.lines)


def test_a_store_that_is_down_in_the_middle_costs_nothing_once_it_is_back(tmp_path, monkeypatch):
    with s3_server(monkeypatch) as server:
        context = Context()

        class Trial(CurveTrial):
            def run(self, spec, context):
                server.down()
                return super().run(spec, context)

        def log(line):
            context.lines.append(line)
            if "is not uploaded yet" in line and server.is_down:
                server.up()

        context.log = log
        outcome = run_lasting(Trial(), spec(tmp_path, vault="s3://lab/x"), context)
        assert isinstance(outcome, Completed)
        assert Vault("s3://lab/x").files() != []


@pytest.mark.parametrize("where", ["vault", "local"])
@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_the_checkpoint_before_a_damaged_one_is_used_and_the_study_ends_the_same(plain, tmp_path, where, damage):
    store = study(f"file://{tmp_path}/vault" if where == "vault" else "")
    backend = InlineBackend("trials.curves:CurveTrial")
    winner = max(plain, key=lambda number: len(plain[number][1]))
    assert len(plain[winner][1]) == 9
    hurt = []

    def damaged(logged, state):
        trial = state.trials.get(winner)
        if trial is None or trial.status is not TrialStatus.RESTING or trial.epoch != 3 or hurt:
            return
        hurt.append(trial.id)
        path = Path(trial.checkpoint.path.removeprefix("file://"))
        path.write_bytes(path.read_bytes()[:-3]) if damage == "torn" else path.unlink()
        if where == "vault":
            shutil.rmtree(tmp_path / "node" / "trials" / f"{trial.id:04d}")

    state = controller(store, "id-curves", tmp_path / "node", backend, observer=damaged).run()
    assert hurt
    assert results(state) == plain
    epochs = [
        json.loads(event_to_json(one.event))["epoch"]
        for one in store.events("id-curves")
        if one.event.kind == "epoch_reported" and one.event.trial == hurt[0]
    ]
    assert epochs == sorted(set(epochs))  # what ran again is not in the log twice
    log = (tmp_path / "node" / "trials" / f"{hurt[0]:04d}" / "trial.log").read_text()
    assert "trying the checkpoint before it" in log


def test_a_trial_without_a_whole_checkpoint_begins_anew_and_a_fork_with_none_is_refused(tmp_path):
    from orchestrator.trial.protocol import Beginning

    torn = CheckpointRef(str(tmp_path / "epoch-2.json"), 2, "0" * 64)
    (tmp_path / "epoch-2.json").write_text("half")
    context = Context()
    wanted = spec(tmp_path, checkpoint=torn, from_epoch=2, instead=(Beginning(None),))
    assert isinstance(run_lasting(CurveTrial(), wanted, context), Completed)
    assert [said[1] for said in context.said if said[0] == "report"] == [1, 2, 3]
    refused = run_lasting(CurveTrial(), spec(tmp_path, checkpoint=torn, from_epoch=2, forked=True), context)
    assert isinstance(refused, Failed)
    assert refused.retryable


def test_the_best_checkpoint_reaches_a_slow_vault(tmp_path, monkeypatch):
    slow = threading.Event()
    put = Vault.put

    def slowly(vault, checkpoint):
        assert slow.wait(30)
        return put(vault, checkpoint)

    class Peak(CurveTrial):
        """Its best epoch is 5 of 8, and the store is slower than all of them."""

        def run(self, spec, context):
            outer = context.report
            context.report = lambda epoch, metrics: outer(epoch, {**metrics, "mAP": -abs(epoch - 5)})
            outcome = super().run(spec, context)
            slow.set()
            return outcome

    monkeypatch.setattr(Vault, "put", slowly)
    url = f"file://{tmp_path}/vault/s/0001"
    best = Best("mAP", value=None)
    assert isinstance(run_lasting(Peak(), spec(tmp_path, vault=url, to_epoch=8, best=best), Context()), Completed)
    assert sorted(int(one.url.rpartition("/")[2].split("-")[1]) for one in Vault(url).files()) == [1, 5, 8]


def test_a_stop_before_the_first_epoch_names_the_checkpoint_that_was_fetched_instead(tmp_path):
    url = f"file://{tmp_path}/vault/s/0001"
    older = run_lasting(CurveTrial(), spec(tmp_path, vault=url, to_epoch=2), Context()).checkpoint
    shutil.rmtree(tmp_path / "node")
    gone = CheckpointRef(f"{url}/epoch-3-0123456789ab.json", 3, "0" * 64)

    class Stopped(CurveTrial):
        def run(self, spec, context):
            del context
            return Paused(spec.checkpoint)

    wanted = spec(tmp_path, vault=url, checkpoint=gone, from_epoch=3, to_epoch=9, instead=(Beginning(older),))
    assert run_lasting(Stopped(), wanted, Context()) == Paused(older)


def test_a_segment_that_crashes_waits_for_its_newest_checkpoint(tmp_path, monkeypatch):
    crashed = threading.Event()
    put = Vault.put

    def slowly(vault, checkpoint):
        assert crashed.wait(30)
        return put(vault, checkpoint)

    class Crashing(CurveTrial):
        def run(self, spec, context):
            super().run(spec, context)
            threading.Timer(0.2, crashed.set).start()
            raise MemoryError

    monkeypatch.setattr(Vault, "put", slowly)
    context = Context()
    with pytest.raises(MemoryError):
        run_lasting(Crashing(), spec(tmp_path, vault=f"file://{tmp_path}/vault/s/0001"), context)
    assert [said[1] for said in context.said if said[0] == "save"][-1] == 3
