"""A run: epochs of training, measured and saved, from the start or a checkpoint to an epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from reid_core.config import Config, to_values
from reid_core.data.augmentation import train_transform
from reid_core.data.loader import TrainBatches
from reid_core.data.pipeline import SplitData
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine import durable, unfinished
from reid_core.engine.cameras import check_cameras
from reid_core.engine.compatibility import check_same_run
from reid_core.engine.compute import Compute
from reid_core.engine.crew import ALONE, Crew
from reid_core.engine.precise_bn import check_processes
from reid_core.engine.retention import path_of, prune
from reid_core.engine.sampling_check import check_sampling, check_shares
from reid_core.engine.trainer import Trainer
from reid_core.engine.unfinished import Asked, Progress
from reid_core.errors import CheckpointError, TrainingDiverged
from reid_core.results import CheckpointFile, EpochResult, Fork, Protocol, TrainResult
from reid_core.tasks.task import AnyTask, task_of

__all__ = ["DIVERGED", "Hooks", "Run"]

DIVERGED = "diverged-batch.json"
"""The file in a run's folder that names the images of the batch whose loss was not finite."""

_AHEAD_ON_GPU = 2
"""Batches prepared while a GPU computes; a CPU that trains has no core to spare for it."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a run speaks to its caller, and the epochs whose checkpoints it keeps for it (see `reid_core.api.train`)."""

    on_epoch: Callable[[EpochResult], None]
    should_stop: Callable[[], bool]
    log: Callable[[str], None]
    keep: Collection[int] = ()
    should_leave: Callable[[], bool] = lambda: False


class Run:
    """A training in `directory` on the data of `protocol`, new or continued from `start`.

    With a `crew` every process has a Run of its own; the leading one measures, saves and speaks. Raises ConfigError,
    DataError, and CheckpointError when `start` is not of this run, nor a Fork's of one that this may go on from.
    """

    def __init__(
        self,
        config: Config,
        directory: Path,
        protocol: Protocol,
        *,
        seed: int,
        start: CheckpointFile | None,
        threads: int | None,
        hooks: Hooks,
        crew: Crew = ALONE,
    ) -> None:
        self._config = config
        self._directory = directory
        self._hooks = hooks
        self._crew = crew
        check_shares(config, crew.count)
        check_processes(config, crew.count)
        check_sampling(config, crew.count)
        self._compute = Compute.of(config, rank=crew.here[0], count=crew.here[1])
        self._task = task_of(config)
        self._data = self._task.open(config, protocol, threads=threads)
        check_cameras(config, self._data.train.camids)
        for warning in self._data.warnings:
            hooks.log(warning)
        self._trainer = _trainer(
            self._task, config, self._data, self._compute, crew, protocol=protocol, seed=seed, pretrained=start is None
        )
        for note in self._trainer.notes:
            hooks.log(note)
        if config.solver.compile_:
            hooks.log("the first batch compiles the model, which takes a minute or more")
        self._saved = start
        self._epoch = self._started_at = 0
        self._metrics: dict[str, float] = {}
        # The best epoch is chosen on the validation split only: nothing may be chosen on the test split.
        self._chooses = protocol is Protocol.VALIDATION
        self._best: tuple[int, float] | None = None
        self._progress = Progress()
        if start is not None:
            self._continue(start)
        self._enter()

    def _continue(self, start: CheckpointFile) -> None:
        state = checkpoints.load(start.path, sha256=start.sha256)
        values, forked = to_values(self._config), isinstance(start, Fork)
        seed, identities = self._trainer.seed, self._trainer.identities
        check_same_run(state, start.path, values, seed=seed, identities=identities, forked=forked)
        self._epoch = self._started_at = state.epoch
        self._metrics = state.metrics
        if forked:
            self._trainer.adopt(state)
            self._hooks.log(f"goes on after epoch {state.epoch} of another run, from {start.path}")
            return
        self._trainer.restore(state)
        self._best = state.best
        self._hooks.log(f"continues after epoch {state.epoch} from {start.path}")

    def _enter(self) -> None:
        """Go on in the middle of the next epoch, if this run was left there."""
        trainer = self._trainer
        asked = Asked(
            to_values(self._config),
            trainer.seed,
            trainer.identities,
            self._epoch,
            _hash_of(self._saved),
            trainer.trained_on,
            self._compute.device,
            self._crew,
        )
        found = unfinished.find(self._directory, asked)
        if found is None:
            return
        state, self._progress = found
        trainer.restore(state)
        self._best = state.best
        self._hooks.log(f"goes on within epoch {self._epoch + 1}, after {self._progress.batches} of its batches")

    def _leave(self, progress: Progress) -> None:
        """Save the middle of the epoch under way. Without it the epoch is trained anew: a full disk is only told."""
        whole = self._epoch - 1
        middle = {"after": _hash_of(self._saved), "progress": progress.state_dict()}
        state = replace(self._trainer.checkpoint(whole, self._metrics, self._best), unfinished=middle)
        try:
            file = checkpoints.save(state, unfinished.path_of(self._directory))
        except CheckpointError as error:
            self._hooks.log(f"{error}; epoch {self._epoch} is trained anew")
        else:
            self._hooks.log(f"left within epoch {self._epoch} after {progress.batches} batches, saved in {file.path}")

    def to(self, last: int) -> TrainResult:
        """Train up to and including epoch `last`, or until asked to stop; nothing when it is there already.

        Asked to leave, it stops after the batch, and a later run goes on there.
        """
        while self._epoch < last:
            self._epoch += 1
            metrics = self._train_and_measure(last)
            if metrics is None:
                self._epoch -= 1
                return self._result(stopped=True)
            self._metrics = metrics
            stop = self._finish_epoch(last) if self._crew.leads else False
            if self._crew.as_led(stop, self._compute.device):
                return self._result(stopped=True)
        if self._best is not None:
            epoch, value = self._best
            self._hooks.log(f"best on the validation split: epoch {epoch}, {self._task.card.best} {value:.3f}")
        return self._result(stopped=False)

    def _finish_epoch(self, last: int) -> bool:
        """Save and report the epoch; whether to stop after it."""
        best = self._best is not None and self._best[0] == self._epoch
        wanted = best or self._epoch == last or self._epoch % self._config.solver.checkpoint_period == 0
        file = self._save() if wanted else None
        self._hooks.on_epoch(EpochResult(self._epoch, self._metrics, file))
        stop = self._epoch < last and self._hooks.should_stop()
        if stop and file is None:
            self._save()
        return stop

    def _train_and_measure(self, last: int) -> dict[str, float] | None:
        """The metrics of the epoch; None: it was left."""
        progress, self._progress = self._progress, Progress()
        began = time.perf_counter() - progress.seconds
        found = self._relabel()
        # labels that were found anew are of the weights at the epoch's beginning, which its middle does not hold;
        # after an epoch that was not saved there is nothing that a middle could come after
        leave = self._hooks.should_leave if found is None and self._stands() else lambda: False
        try:
            trained = self._trainer.train_epoch(self._epoch, progress, leave=leave)
        except TrainingDiverged as error:
            if not error.files or not self._crew.leads:
                raise
            raise self._with_batch(error) from error
        if trained is None:
            if self._crew.leads:
                self._leave(progress)
            return None
        metrics = trained | (found or {})
        period = self._config.test.eval_period
        if self._crew.leads and (self._epoch == last or (period and self._epoch % period == 0)):
            metrics |= self._measure()
        return metrics | {"seconds": time.perf_counter() - began}

    def _stands(self) -> bool:
        """Whether the epoch before this one is saved."""
        return self._epoch - 1 == (0 if self._saved is None else self._saved.epoch)

    def _relabel(self) -> dict[str, float] | None:
        """Let the task label the training images anew for this epoch; what it reports of that, None if it does not."""
        trainer = self._trainer
        found = self._task.relabel(
            trainer.model, self._data, self._config, self._compute, seed=trainer.seed, epoch=self._epoch
        )
        if found is None:
            return None
        trainer.relabel(found.labels, found.sampler)
        return dict(found.metrics)

    def _with_batch(self, error: TrainingDiverged) -> TrainingDiverged:
        """Save which images were in the batch, and say where."""
        path = self._directory / DIVERGED
        content = {"epoch": error.epoch, "iteration": error.iteration, "error": error.message, "files": error.files}
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            durable.write_atomically(path, json.dumps(content, indent=1).encode())
            where = f"; all of them: {path}"
        except OSError as fault:  # it must not hide what happened
            where = f"; {path} could not be written: {fault.strerror}"
        return TrainingDiverged(
            f"{error.message}{where}",
            epoch=error.epoch,
            iteration=error.iteration,
            files=error.files,
            hint=error.hint,
        )

    def _measure(self) -> dict[str, float]:
        precise = self._config.test.precise_bn
        with self._trainer.measured_weights():
            if precise.enabled and self._epoch == self._config.solver.max_epoch:
                self._trainer.measure_statistics(precise.num_iter, self._epoch)
            metrics = self._task.measure_all(
                self._trainer.model, self._data.evaluations, self._config, self._compute, epoch=self._epoch
            )
        value = metrics[self._task.card.best]
        if self._chooses and (self._best is None or value > self._best[1]):
            self._best = (self._epoch, value)
        return metrics

    def _save(self) -> CheckpointFile:
        """Save this epoch; keep the two newest, the best, those asked for, and the one this run started from.

        The last is what the caller knows for sure: a crash may lose the news of all that came after it.
        """
        state = self._trainer.checkpoint(self._epoch, self._metrics, self._best)
        self._saved = checkpoints.save(state, path_of(self._directory, self._epoch))
        best = {self._best[0]} if self._best else set()
        prune(self._directory, keep={self._started_at} | best | {*self._hooks.keep}, now=self._epoch)
        unfinished.discard(self._directory)
        return self._saved

    def _result(self, *, stopped: bool) -> TrainResult:
        best = path_of(self._directory, self._best[0]) if self._best is not None else None
        return TrainResult(self._epoch, self._metrics, self._saved, stopped, best)


def _hash_of(file: CheckpointFile | None) -> str:
    """What is said to come after `file`."""
    return "" if file is None else file.sha256 or durable.sha256_of(file.path)


def _trainer(
    task: AnyTask,
    config: Config,
    data: SplitData[Any],
    compute: Compute,
    crew: Crew,
    *,
    protocol: Protocol,
    seed: int,
    pretrained: bool,
) -> Trainer:
    part = data.train
    ahead = _AHEAD_ON_GPU if compute.device.type == "cuda" else 0
    transform = train_transform(config, seed, part.images)
    rows = partial(crew.rows, parts=config.solver.accumulate) if crew.count > 1 else None
    batches = TrainBatches(
        part.images, part.learned, part.camids, data.sampler, transform, seed=seed, prefetch=ahead, rows=rows
    )
    return Trainer(
        task, config, batches, compute, data=data, protocol=protocol, seed=seed, pretrained=pretrained, crew=crew
    )
