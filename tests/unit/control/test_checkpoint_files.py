"""A resting trial keeps the checkpoints that its study's policy names: by default newest, best and rungs."""

import pytest
from trials.studies import controller, created

from orchestrator.control.checkpoints import instead_of, kept
from orchestrator.events import Keep
from orchestrator.store import MemoryStore
from orchestrator.trial.files import keep_only


def finished(tmp_path, keep):
    store = MemoryStore()
    store.create_study(created(trials=3, max_epochs=9).model_copy(update={"keep": keep}), 0.0)
    return controller(store, "id-curves", tmp_path).run()


def epochs_left(tmp_path, number):
    files = (tmp_path / "trials" / f"{number:04d}").glob("*.json")
    return sorted(int(path.stem.removeprefix("epoch-")) for path in files)


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Keep.BEST, lambda last: [rung for rung in (1, 3, 9) if rung <= last]),
        (Keep.LAST, lambda last: [last]),
        (Keep.ALL, lambda last: list(range(1, last + 1))),
    ],
)
def test_the_policy_says_which_checkpoints_of_a_resting_trial_are_left(tmp_path, keep, expected):
    state = finished(tmp_path, keep)
    for number, trial in state.trials.items():
        assert epochs_left(tmp_path, number) == expected(trial.checkpoint.epoch)


def test_the_best_epoch_stays_beside_newest_and_rungs(tmp_path):
    trial = max(finished(tmp_path, Keep.ALL).trials.values(), key=lambda one: one.epoch)
    trial.best_checkpoint = trial.before  # as if the epoch before the last had been the best
    assert trial.before.path in kept(trial, Keep.BEST)
    assert kept(trial, Keep.LAST) == {trial.checkpoint.path}


def test_a_pinned_trial_and_what_others_need_stay_whatever_the_policy(tmp_path):
    trial = max(finished(tmp_path, Keep.LAST).trials.values(), key=lambda one: one.epoch)
    assert kept(trial, Keep.LAST, needed=[1]) == {trial.rung_checkpoints[1].path, trial.checkpoint.path}
    trial.pinned = True
    assert kept(trial, Keep.LAST) is None


def test_a_torn_checkpoint_is_followed_by_older_ones_newest_first_and_then_the_beginning(tmp_path):
    state = finished(tmp_path, Keep.BEST)
    trial = max(state.trials.values(), key=lambda one: one.epoch)
    order = [one.checkpoint and one.checkpoint.epoch for one in instead_of(state, trial)]
    assert order == [8, 3, 1, None]


def test_a_checkpoint_that_is_not_here_costs_no_other(tmp_path):
    (tmp_path / "epoch-0001.pt").touch()
    keep_only(tmp_path / "epoch-0002.pt")
    assert (tmp_path / "epoch-0001.pt").exists()


def test_logs_and_other_files_stay(tmp_path):
    for name in ("epoch-0001.pt", "epoch-0001.pt.sha256", "epoch-0002.pt", "epoch-0002.pt.sha256", "trial.log"):
        (tmp_path / name).touch()
    keep_only(tmp_path / "epoch-0002.pt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0002.pt", "epoch-0002.pt.sha256", "trial.log"]
