"""Limits hold for any algorithm, number of slots, order of arrival and failures: decided as the controller decides."""

from __future__ import annotations

import numpy as np
import pytest
from search_driver import hashed_curve

from orchestrator.control.decide import Finish, Start, Stop, Suggest, decide
from orchestrator.events import (
    CommandGiven,
    CommandKind,
    ControllerStarted,
    EpochReported,
    Event,
    Limits,
    Logged,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyState,
    StudyStatus,
    TrialStatus,
)
from orchestrator.search import make_algorithm, make_plan
from orchestrator.search.limits import committed_epochs
from search_spaces.model import Float, Space

SPACE = Space(name="s", parameters={"a": Float(low=0.0, high=1.0), "b": Float(low=0.0, high=1.0)})
EPOCH_SECONDS = 10.0


class Simulated:
    """A study driven by `decide`: segments run side by side, an epoch of one of them at a time, in a random order."""

    def __init__(self, algorithm: str, workers: int, seed: int, confirm: int, limits: Limits) -> None:
        self.created = StudyCreated(
            study="s", name="s", space=SPACE, base={"a": 0.5, "b": 0.5}, plan=make_plan(27, 3, 3, 12), seed=seed,
            algorithm=algorithm, backend="inline", workers=workers, confirm=confirm, limits=limits,
        )  # fmt: skip
        self.state, self.now, self.rng = StudyState(), 0.0, np.random.default_rng(seed)
        self.stopping: set[int] = set()
        self.failing, self.meddling = 0.01, 0.0
        self.append(self.created)
        self.append(ControllerStarted(owner="h:1", token=1, workers=workers))

    def append(self, event: Event) -> None:
        self.state.apply(Logged(self.state.seq + 1, self.now, event))

    def run(self) -> Finish:
        algorithm = make_algorithm(self.created)
        while True:
            decision = decide(algorithm, self.state, self.created.workers, frozenset(self.stopping), self.now)
            match decision:
                case Finish():
                    return decision
                case Stop(segment=segment):
                    self.stopping.add(segment)
                case Suggest(trial=trial, move=move):
                    self.append(move.suggested(trial))
                    self.start(trial, 0, move.to_epoch)
                case Start() as start:
                    self.start(start.trial, self.state.trials[start.trial].epoch, start.to_epoch)
                case None:
                    self.epoch()

    def start(self, trial: int, low: int, high: int) -> None:
        assert trial not in {run.trial for run in self.state.running.values()}
        segment = self.state.segments + 1
        self.append(SegmentStarted(segment=segment, trial=trial, from_epoch=low, to_epoch=high))
        limit = self.created.limits.epochs
        assert limit is None or committed_epochs(self.state) <= limit

    def epoch(self) -> None:
        """One epoch of a running segment; now and then it fails for good instead, or a person stops or retries."""
        if self.rng.random() < self.meddling:
            kind = CommandKind.TRIAL_STOP if self.rng.random() < 0.3 else CommandKind.TRIAL_RETRY
            over = {TrialStatus.FAILED, TrialStatus.STOPPED}
            able = [t.id for t in self.state.trials.values() if (t.status in over) == (kind is CommandKind.TRIAL_RETRY)]
            self.command(kind, *([int(self.rng.choice(able))] if able else []))
        self.now += EPOCH_SECONDS / len(self.state.running)
        run = self.state.running[int(self.rng.choice(sorted(self.state.running)))]
        trial, segment = self.state.trials[run.trial], run.segment
        if self.rng.random() < self.failing:
            self.end(segment, trial.id, OutcomeKind.FAILED)
            return
        if trial.epoch >= run.to_epoch:  # stopped on its rung and retried: nothing is left to train
            self.end(segment, trial.id, OutcomeKind.COMPLETED)
            return
        epoch = trial.epoch + 1
        value = hashed_curve({**trial.values, "seed": trial.seed}, epoch)
        self.append(EpochReported(trial=trial.id, segment=segment, epoch=epoch, metrics={"mAP": value}))
        if epoch == run.to_epoch:
            self.end(segment, trial.id, OutcomeKind.COMPLETED)
        elif segment in self.stopping:
            self.end(segment, trial.id, OutcomeKind.PAUSED)

    def command(self, kind: CommandKind, *trials: int) -> None:
        for trial in trials:
            self.append(CommandGiven(command=kind, trial=trial, by="p"))

    def end(self, segment: int, trial: int, outcome: OutcomeKind) -> None:
        failed = outcome is OutcomeKind.FAILED
        self.append(SegmentEnded(segment=segment, trial=trial, outcome=outcome, message="m", final=failed, seconds=1.0))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["bohb", "freeze-thaw", "hyperband", "asha", "random"])
@pytest.mark.parametrize("workers", [1, 3])
def test_epochs_are_never_exceeded_and_the_search_ends(algorithm, workers):
    for seed in range(4):
        epochs = 27 + 23 * seed
        study = Simulated(algorithm, workers, seed, confirm=seed % 2, limits=Limits(epochs=epochs))
        ended = study.run()
        assert ended.status is StudyStatus.COMPLETED
        assert study.state.epochs_spent <= epochs


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["bohb", "freeze-thaw", "hyperband", "asha", "random"])
@pytest.mark.parametrize("workers", [1, 3])
def test_epochs_are_never_exceeded_by_retried_trials(algorithm, workers):
    """Trials fail, and are stopped and retried, while the search runs; after its end all that are over are retried."""
    for seed in range(4):
        epochs = 27 + 23 * seed
        study = Simulated(algorithm, workers, seed, confirm=seed % 2, limits=Limits(epochs=epochs))
        study.failing, study.meddling = 0.1, 0.2
        study.run()
        for _ in range(3):
            trials = study.state.trials.values()
            over = [trial.id for trial in trials if trial.status in {TrialStatus.FAILED, TrialStatus.STOPPED}]
            study.command(CommandKind.TRIAL_RETRY, *over)
            study.run()
            assert not study.state.running
            assert study.state.epochs_spent <= epochs


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["bohb", "freeze-thaw", "asha"])
def test_wall_time_is_exceeded_by_no_more_than_an_epoch_of_each_slot(algorithm):
    for seed in range(4):
        study = Simulated(algorithm, 3, seed, confirm=1, limits=Limits(wall_seconds=300.0))
        ended = study.run()
        assert ended.reason.startswith("the limit of 5 min wall time is reached")
        assert 300.0 <= study.state.wall_seconds(study.now) <= 300.0 + 2.5 * EPOCH_SECONDS
        assert not study.state.running


@pytest.mark.parametrize("workers", [1, 4])
def test_every_finalist_gets_its_seeds_whatever_the_order(workers):
    for seed in range(4):
        study = Simulated("bohb", workers, seed, confirm=2, limits=Limits())
        study.failing = 0.0
        study.run()
        again = [(trial.confirms, trial.seed) for trial in study.state.trials.values() if trial.confirms is not None]
        assert len(again) == len(set(again))
        assert len(again) == 2 * len({trial for trial, _ in again})
        assert {repeated for _, repeated in again} == {seed + 1, seed + 2}
