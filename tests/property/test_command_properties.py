"""Commands in the middle of a search, for any algorithm: the same log gives the same decisions, and all are heeded."""

from __future__ import annotations

import numpy as np
import pytest
from search_driver import hashed_curve

from orchestrator.control.decide import Finish, Start, Stop, Suggest, decide
from orchestrator.events import (
    Asked,
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Limits,
    Logged,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyState,
    StudyStatus,
    TrialStatus,
    event_from_json,
    event_to_json,
    fold,
)
from orchestrator.search import lay_out, make_algorithm
from orchestrator.service.replan import extension
from search_spaces.model import Float, Space

SPACE = Space(name="s", parameters={"a": Float(low=0.0, high=1.0), "b": Float(low=0.0, high=1.0)})
NOTHING = Asked()
ALGORITHMS = ("freeze-thaw", "bohb", "asha", "median", "random", "sobol", "hyperband", "pbt")


class Commanded:
    """A study driven as the controller drives it, with a person who asks for something now and then."""

    def __init__(self, algorithm: str, seed: int) -> None:
        self.rng, self.log = np.random.default_rng(seed), []
        self.created = StudyCreated(
            study="s", name="s", space=SPACE, base={"a": 0.5, "b": 0.5}, seed=seed, algorithm=algorithm,
            plan=lay_out(algorithm, "", max_epochs=9, min_epochs=1, eta=3, trials=8), backend="inline", workers=2,
        )  # fmt: skip
        self.state, self.wanted, self.promoted = StudyState(), [], []
        self.append(self.created)
        self.append(ControllerStarted(owner="h:1", token=1, workers=2))

    def append(self, event: Event) -> None:
        logged = Logged(self.state.seq + 1, float(self.state.seq), event)
        self.log.append(logged)
        self.state.apply(logged)

    def run(self, *, commands: int) -> Finish:
        made_of, algorithm = self.state.created, make_algorithm(self.state.created)
        for turn in range(4000):
            if turn % 7 == 3 and commands:
                commands -= 1
                self.command()
            if self.state.created is not made_of:
                made_of, algorithm = self.state.created, make_algorithm(self.state.created)
            decision = decide(algorithm, self.state, 2)
            if turn % 5 == 0:
                self.check_again(decision)
            match decision:
                case Finish():
                    return decision
                case Stop():
                    raise AssertionError("nobody asked for a pause")
                case Suggest(trial=trial, move=move):
                    self.append(move.suggested(trial))
                    self.start(trial, move.from_epoch, move.to_epoch, move.reason)
                case Start() as start:
                    self.start(start.trial, self.state.trials[start.trial].epoch, start.to_epoch, start.reason)
                case None:
                    self.segment()
        raise AssertionError("the search does not end")

    def check_again(self, decision) -> None:
        """A controller that reads the log now decides the same."""
        read = fold(Logged(one.seq, one.at, event_from_json(event_to_json(one.event))) for one in self.log)
        assert decide(make_algorithm(read.created), read, 2) == decision

    def command(self) -> None:
        state, kind = self.state, str(self.rng.choice(["enqueue", "extend", "limits", "promote", "pin", "tag"]))
        resting = [one for one in state.trials.values() if one.status is TrialStatus.RESTING and not one.promoted]
        if kind == "enqueue" and (self.created.algorithm != "pbt" or len(state.trials) < 5):
            values = {"a": float(self.rng.random()), "b": float(self.rng.random())}
            self.wanted.append(values)
            self.ask(CommandKind.ENQUEUE, Asked(values=values, reason="test"))
        elif kind == "extend" and self.created.algorithm != "pbt":
            more = extension(state, state.created, 2, None)
            self.ask(CommandKind.EXTEND, Asked(plan=more.plan, limits=more.limits))
        elif kind == "limits":
            self.ask(CommandKind.LIMITS, Asked(limits=Limits(epochs=int(self.rng.integers(5000, 9000)))))
        elif kind == "promote" and resting and self.created.algorithm != "pbt":
            self.promoted.append(resting[0].id)
            self.ask(CommandKind.TRIAL_PROMOTE, trial=resting[0].id)
        elif kind == "pin" and state.trials:
            self.ask(CommandKind.TRIAL_PIN, trial=1)
        elif kind == "tag":
            self.ask(CommandKind.TAG, Asked(tags=("x",)))

    def ask(self, kind: CommandKind, asked: Asked = NOTHING, trial: int | None = None) -> None:
        self.append(CommandGiven(command=kind, trial=trial, by="anna", asked=asked))

    def start(self, trial: int, low: int, high: int, reason: str) -> None:
        segment = self.state.segments + 1
        self.append(SegmentStarted(segment=segment, trial=trial, from_epoch=low, to_epoch=high, reason=reason))

    def segment(self) -> None:
        run = self.state.running[int(self.rng.choice(sorted(self.state.running)))]
        for epoch in range(run.from_epoch + 1, run.to_epoch + 1):
            value = hashed_curve(self.state.trials[run.trial].values, epoch)
            about = {"trial": run.trial, "segment": run.segment, "epoch": epoch}
            self.append(EpochReported(**about, metrics={"mAP": value}))
            self.append(CheckpointSaved(**about, path=f"{run.trial}/{epoch}", sha256="0" * 64))
        self.append(SegmentEnded(segment=run.segment, trial=run.trial, outcome=OutcomeKind.COMPLETED))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_log_with_commands_gives_the_same_decisions_and_every_command_is_heeded(algorithm, seed):
    study = Commanded(algorithm, seed)
    finish = study.run(commands=12)
    trials = study.state.trials
    assert finish.status is StudyStatus.COMPLETED
    assert study.state.wanted == ()
    tried = [trial.values for trial in trials.values() if trial.origin is Origin.USER]
    assert sorted(map(str, tried)) == sorted(map(str, study.wanted))
    assert trials[1].origin is Origin.DEFAULT
    told = [one.event for one in study.log if isinstance(one.event, SegmentStarted)]
    for number in study.promoted:
        assert any(event.trial == number and event.reason == "promoted by anna" for event in told)
    values = [trial.values for trial in trials.values() if trial.parent is None]
    assert all(one not in values[:place] for place, one in enumerate(values))
    if algorithm != "pbt":  # freeze-thaw spends its epochs where it likes; the others open every place
        assert len(trials) == study.state.created.plan.trials or algorithm == "freeze-thaw"


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "pbt"])
def test_a_configuration_enqueued_when_the_plan_is_done_still_becomes_a_trial(algorithm):
    study = Commanded(algorithm, 1)
    study.run(commands=0)
    before = set(study.state.trials)
    study.ask(CommandKind.ENQUEUE, Asked(values={"a": 0.25, "b": 0.75}))
    study.run(commands=0)
    new = set(study.state.trials) - before
    assert study.state.trials[min(new)].values == {"a": 0.25, "b": 0.75}
    assert study.state.trials[min(new)].reason == "enqueued by anna"


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "pbt"])
def test_an_extended_search_tries_the_new_trials_and_keeps_the_old_ones(algorithm):
    study = Commanded(algorithm, 2)
    study.run(commands=0)
    before = {number: dict(trial.history) for number, trial in study.state.trials.items()}
    more = extension(study.state, study.state.created, 4, None)
    study.ask(CommandKind.EXTEND, Asked(plan=more.plan, limits=more.limits))
    study.run(commands=0)
    after = study.state.trials
    assert study.state.created.plan.trials == study.created.plan.trials + 4
    assert len(after) == len(before) + 4 or algorithm == "freeze-thaw"
    assert len(after) > len(before)
    assert all(after[number].history.items() >= told.items() for number, told in before.items())
    assert any(trial.status is TrialStatus.COMPLETED for number, trial in after.items() if number not in before) or (
        algorithm in {"freeze-thaw", "asha", "median"}  # there the new compete with the old
    )
