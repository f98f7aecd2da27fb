"""What a study's policy lets go of is removed from the URL of its checkpoints, whenever an upload is done."""

from __future__ import annotations

import fsspec
import pytest
from trials.scripted import ScriptedBackend
from trials.studies import created

from orchestrator.backends.protocol import Ended, Reported, Saved
from orchestrator.control.checkpoints import kept
from orchestrator.control.controller import Controller
from orchestrator.search import lay_out
from orchestrator.store import MemoryStore
from orchestrator.trial.protocol import CheckpointRef, Completed, Resources


class Uploading(ScriptedBackend):
    """Trials that compute nothing and upload each epoch's checkpoint before, or after, they report the epoch."""

    def __init__(self, early):
        super().__init__()
        self.early = early

    def start(self, spec):
        say = self.messages.append
        for epoch in range(spec.from_epoch + 1, spec.to_epoch + 1):
            saved = Saved(spec.segment, uploaded(spec, epoch))
            reported = Reported(spec.segment, epoch, {"mAP": 0.01 * spec.trial / epoch})  # the first epoch is the best
            for message in (saved, reported) if self.early else (reported, saved):
                say(message)
        say(Ended(spec.segment, Completed(uploaded(spec, spec.to_epoch)), 1.0, "here:1"))


def uploaded(spec, epoch):
    path = f"{spec.vault}/epoch-{epoch:04d}.pt"
    with fsspec.open(path, "wb", auto_mkdir=True) as file:
        file.write(b"weights")
    return CheckpointRef(path, epoch, "a")


@pytest.mark.parametrize("early", [True, False], ids=["before its epoch is told", "after it"])
def test_nothing_but_what_the_policy_keeps_is_left_under_the_url(tmp_path, early):
    vault = tmp_path / "vault"
    store, study = MemoryStore(), created(trials=3, max_epochs=9)
    plan = lay_out("random", "hyperband", max_epochs=9, min_epochs=3, eta=3, trials=3)
    update = {"algorithm": "random", "schedule": "hyperband", "plan": plan, "checkpoints": vault.as_uri()}
    study = study.model_copy(update=update)
    store.create_study(study, 0.0)
    state = Controller(store, study.study, Uploading(early), directory=tmp_path, resources=Resources()).run()
    stay = {path for trial in state.trials.values() for path in kept(trial, state.keep)}
    assert stay
    assert {path.as_uri() for path in vault.rglob("*.pt")} == stay
