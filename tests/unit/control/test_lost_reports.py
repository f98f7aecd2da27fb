"""A process dies after it has saved an epoch and before it has reported it."""

from __future__ import annotations

import pytest
from trials.scripted import ScriptedBackend
from trials.studies import created

from orchestrator.backends.protocol import Ended, Reported, Saved
from orchestrator.control.controller import Controller
from orchestrator.search import lay_out
from orchestrator.store import MemoryStore
from orchestrator.trial.protocol import CheckpointRef, Completed, Failed, FailureKind, Resources


class DiesOnce(ScriptedBackend):
    """Trials that compute nothing; trial 2, the best, is killed between saving and reporting its last epoch."""

    def __init__(self):
        super().__init__()
        self.killed = False

    def start(self, spec):
        say = self.messages.append
        for epoch in range(spec.from_epoch + 1, spec.to_epoch + 1):
            say(Saved(spec.segment, reference(spec, epoch)))
            if spec.trial == 2 and epoch == spec.to_epoch and not self.killed:
                self.killed = True
                say(Ended(spec.segment, Failed(FailureKind.LOST, "killed", retryable=True), 1.0, "here:1"))
                return
            say(Reported(spec.segment, epoch, {"mAP": 0.9 if spec.trial == 2 else 0.1 * spec.trial}))
        say(Ended(spec.segment, Completed(reference(spec, spec.to_epoch)), 1.0, "here:1"))


def reference(spec, epoch):
    return CheckpointRef(f"/nowhere/{spec.trial}/{epoch}", epoch, "a")


@pytest.mark.parametrize(("algorithm", "schedule"), [("random", ""), ("random", "hyperband"), ("asha", "")])
def test_the_epoch_is_trained_again_and_the_search_ends_as_if_nothing_had_happened(tmp_path, algorithm, schedule):
    store, study = MemoryStore(), created(trials=3, max_epochs=9)
    plan = lay_out(algorithm, schedule, max_epochs=9, min_epochs=3, eta=3, trials=3)
    study = study.model_copy(update={"algorithm": algorithm, "schedule": schedule, "plan": plan})
    store.create_study(study, 0.0)
    state = Controller(store, study.study, DiesOnce(), directory=tmp_path, resources=Resources()).run()
    assert state.status.value == "completed"
    assert sorted(state.trials[2].history) == list(range(1, 10))
    for trial in state.trials.values():
        assert sorted(trial.history) == list(range(1, trial.epoch + 1))
        assert trial.epoch == trial.to_epoch
