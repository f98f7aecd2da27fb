"""A resting trial keeps one checkpoint: the one that the log names."""

from trials.studies import controller, created

from orchestrator.store import MemoryStore
from orchestrator.trial.files import keep_only


def test_only_the_logs_checkpoint_of_each_trial_is_left(tmp_path):
    store = MemoryStore()
    store.create_study(created(trials=3, max_epochs=9), 0.0)
    state = controller(store, "id-curves", tmp_path).run()
    for number, trial in state.trials.items():
        left = sorted(path.name for path in (tmp_path / "trials" / f"{number:04d}").glob("*.json"))
        assert left == [f"epoch-{trial.checkpoint.epoch}.json"]


def test_a_checkpoint_that_is_not_here_costs_no_other(tmp_path):
    (tmp_path / "epoch-0001.pt").touch()
    keep_only(tmp_path / "epoch-0002.pt")
    assert (tmp_path / "epoch-0001.pt").exists()


def test_logs_and_other_files_stay(tmp_path):
    for name in ("epoch-0001.pt", "epoch-0001.pt.sha256", "epoch-0002.pt", "epoch-0002.pt.sha256", "trial.log"):
        (tmp_path / name).touch()
    keep_only(tmp_path / "epoch-0002.pt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0002.pt", "epoch-0002.pt.sha256", "trial.log"]
