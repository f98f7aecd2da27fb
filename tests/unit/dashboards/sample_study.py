"""A plausible study written event by event into a real store, for the tests of the pages and the API.

The scores follow a smooth function of the learning rate, so that the best trial is not the default one.
"""

import math
import os
import random
import socket
import time
import zlib

from orchestrator.events import (
    CheckpointSaved,
    ControllerStarted,
    EpochReported,
    Event,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
)
from orchestrator.search.plan import make_plan
from orchestrator.service.service import Service
from orchestrator.trial.kinds import FailureKind
from search_spaces.encoding import Encoder
from search_spaces.load import load_space
from search_spaces.sampling import sample

OWNER = f"{socket.gethostname()}:{os.getpid()}"


class SampleStudy:
    """Appends the events of a study as a controller would; `service` shows them."""

    def __init__(
        self, service: Service, name="cows-bnneck", trials=12, max_epochs=60, started=3600.0, ray_address="", **changes
    ):
        loaded = load_space("bnneck")
        self.service, self.name, self.id = service, name, f"{zlib.crc32(name.encode()):08x}"
        self.plan = make_plan(max_epochs, 7 if max_epochs > 20 else 1, 3, trials)
        self.space, self.base = loaded.space.model_copy(update=changes), loaded.base
        self.now = time.time() - started
        self.random = random.Random(7)
        self.segment = 0
        created = StudyCreated(
            study=self.id,
            name=name,
            space=self.space,
            base=loaded.base,
            plan=self.plan,
            seed=0,
            algorithm="bohb",
            backend="ray",
            ray_address=ray_address,
            workers=2,
            data="holstein-cowface: 1,012 images of 84 identities from 2 cameras",
            command=f"reid-tune run --space bnneck --trials {trials} --name {name}",
        )
        service.store.create_study(created, self.now)
        self.token = service.store.acquire(self.id, OWNER, 3600, time.time())
        self.append(ControllerStarted(owner=OWNER, token=self.token, workers=2))

    def append(self, *events: Event):
        self.service.store.append(self.id, list(events), token=self.token, at=self.now)

    def suggest(self, trial, bracket=0, origin=None):
        """A new trial; the first is the default configuration."""
        import numpy as np

        origin = origin or (Origin.DEFAULT if trial == 1 else Origin.MODEL if trial % 3 else Origin.RANDOM)
        drawn = sample(self.space, self.base, np.random.default_rng(trial))
        values = Encoder(self.space, self.base).first() if origin is Origin.DEFAULT else drawn
        reason = {
            Origin.DEFAULT: "the recipe's own configuration",
            Origin.MODEL: "best expected improvement among 64 candidates on the rung of 20 epochs",
            Origin.RANDOM: "the guaranteed random share",
        }[origin]
        rung = self.plan.brackets[bracket].rungs[0]
        self.values = {**getattr(self, "values", {}), trial: values}
        self.append(
            TrialSuggested(trial=trial, values=values, origin=origin, reason=reason, bracket=bracket, to_epoch=rung)
        )

    def quality(self, trial):
        rate = float(self.values[trial].get("SOLVER.BASE_LR", 3.5e-4))
        return 0.56 * math.exp(-(math.log10(rate / 2.5e-3) ** 2) / 1.1) + 0.02 * math.sin(trial)

    def metrics(self, trial, epoch):
        grown = 1 - math.exp(-epoch / (0.3 * self.plan.max_epochs))
        score = max(0.01, self.quality(trial) * grown + self.random.uniform(-0.008, 0.008))
        loss = 6.5 * math.exp(-epoch / 20) + 1.2
        told = {"mAP": score, "mINP": 0.31 * score, "rank1": min(0.99, 1.4 * score), "loss": loss, "seconds": 4.0}
        return told | dict.fromkeys(self.space.costs, 2.0 + 5 * trial % 8)

    def start(self, trial, low, high, reason="the next place of its bracket"):
        self.segment += 1
        self.append(SegmentStarted(segment=self.segment, trial=trial, from_epoch=low, to_epoch=high, reason=reason))
        return self.segment

    def report(self, trial, segment, epoch):
        self.now = min(self.now + 4.0, time.time())
        self.append(EpochReported(trial=trial, segment=segment, epoch=epoch, metrics=self.metrics(trial, epoch)))

    def run(self, trial, low, high, reason="the next place of its bracket"):
        """One whole segment, in one transaction."""
        self.segment += 1
        segment, seconds = self.segment, 4.0 * (high - low)
        self.now = min(self.now + seconds, time.time())
        self.append(
            SegmentStarted(segment=segment, trial=trial, from_epoch=low, to_epoch=high, reason=reason),
            *(
                EpochReported(trial=trial, segment=segment, epoch=epoch, metrics=self.metrics(trial, epoch))
                for epoch in range(low + 1, high + 1)
            ),
            CheckpointSaved(
                trial=trial, segment=segment, epoch=high, path=f"trials/{trial:04d}/{high}.pt", sha256="0" * 64
            ),
            SegmentEnded(
                segment=segment, trial=trial, outcome=OutcomeKind.COMPLETED, seconds=seconds, worker="node-1:4711"
            ),
        )

    def fail(self, trial, high):
        segment = self.start(trial, 0, high)
        self.report(trial, segment, 1)
        self.append(
            SegmentEnded(
                segment=segment,
                trial=trial,
                outcome=OutcomeKind.FAILED,
                failure=FailureKind.DIVERGED,
                message="loss became NaN in epoch 2, iteration 14",
                final=True,
                seconds=5,
            )
        )

    def half_way(self):
        """Nine of twelve trials begun: finished, resting, failed and running ones. Returns the running segment."""
        low, middle, high = self.plan.brackets[0].rungs
        for trial in range(1, 9):
            self.suggest(trial)
            if trial == 4:
                self.fail(trial, low)
            else:
                self.run(trial, 0, low)
        ranked = sorted((t for t in range(1, 9) if t != 4), key=self.quality, reverse=True)
        for place, trial in enumerate(ranked[:3]):
            self.run(trial, low, middle, f"rank {place + 1} of 9 on the rung of {low} epochs")
        self.run(ranked[0], middle, high, f"rank 1 of 3 on the rung of {middle} epochs")
        self.suggest(9, origin=Origin.MODEL)
        segment = self.start(9, 0, low)
        self.report(9, segment, 1)
        self.report(9, segment, 2)
        return segment

    def finish(self):
        self.append(StudyEnded(status=StudyStatus.COMPLETED, reason="the plan is done"))
        self.service.store.release(self.id, self.token)


def many_trials(service: Service, count=10_000):
    """A study of `count` trials with a few epochs each, appended in large batches."""
    study = SampleStudy(service, name="many", trials=count, max_epochs=9)
    for first in range(1, count + 1, 1000):
        events: list[Event] = []
        numbers = range(first, min(first + 1000, count + 1))
        rates = [10 ** study.random.uniform(-4, -2) for _ in numbers]
        study.values = {trial: {"SOLVER.BASE_LR": rate} for trial, rate in zip(numbers, rates, strict=True)}
        for trial in numbers:
            study.segment += 1
            origin = Origin.DEFAULT if trial == 1 else Origin.RANDOM
            events += [
                TrialSuggested(
                    trial=trial, values=study.values[trial], origin=origin, reason="drawn", bracket=0, to_epoch=3
                ),
                SegmentStarted(segment=study.segment, trial=trial, from_epoch=0, to_epoch=3),
                *(
                    EpochReported(trial=trial, segment=study.segment, epoch=epoch, metrics=study.metrics(trial, epoch))
                    for epoch in (1, 2, 3)
                ),
                SegmentEnded(segment=study.segment, trial=trial, outcome=OutcomeKind.COMPLETED, seconds=1.0),
            ]
        study.append(*events)
    return study
