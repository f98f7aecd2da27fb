"""A run: epochs of training, measured and saved, from the start or a checkpoint to an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reid_core.api import CheckpointFile, EpochResult, Protocol, TrainResult
from reid_core.config import Config, to_values
from reid_core.data.loader import TrainBatches
from reid_core.data.pipeline import SplitData, open_split, train_transform
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine.compatibility import check_same_run
from reid_core.engine.compute import Compute
from reid_core.engine.measuring import measure
from reid_core.engine.retention import path_of, prune
from reid_core.engine.trainer import Trainer
from reid_core.evaluation import retrieval_metrics

__all__ = ["Hooks", "Run"]

_AHEAD_ON_GPU = 2
"""Batches prepared while a GPU computes; a CPU that trains has no core to spare for it."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a run speaks to its caller (see `reid_core.api.train`)."""

    on_epoch: Callable[[EpochResult], None]
    should_stop: Callable[[], bool]
    log: Callable[[str], None]


class Run:
    """A training in `directory` on the data of `protocol`, new or continued from `start`.

    Raises ConfigError, DataError, and CheckpointError when `start` is not of this run.
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
    ) -> None:
        self._config = config
        self._directory = directory
        self._hooks = hooks
        self._compute = Compute.of(config)
        self._data = open_split(config, protocol, threads=threads)
        for warning in self._data.warnings:
            hooks.log(warning)
        self._trainer = _trainer(config, self._data, self._compute, seed=seed, pretrained=start is None)
        self._saved = start
        self._epoch = self._started_at = 0
        self._metrics: dict[str, float] = {}
        # The best epoch is chosen on the validation split only: nothing may be chosen on the test split.
        self._chooses = protocol is Protocol.VALIDATION
        self._best: tuple[int, float] | None = None
        if start is not None:
            self._continue(start)

    def _continue(self, start: CheckpointFile) -> None:
        state = checkpoints.load(start.path, sha256=start.sha256)
        values = to_values(self._config)
        check_same_run(state, start.path, values, seed=self._trainer.seed, identities=self._trainer.identities)
        self._trainer.restore(state)
        self._epoch = self._started_at = state.epoch
        self._metrics, self._best = state.metrics, state.best
        self._hooks.log(f"continues after epoch {state.epoch} from {start.path}")

    def to(self, last: int) -> TrainResult:
        """Train up to and including epoch `last`, or until asked to stop; nothing when it is there already."""
        while self._epoch < last:
            self._epoch += 1
            self._metrics = self._train_and_measure(last)
            period = self._config.solver.checkpoint_period
            file = self._save() if self._epoch % period == 0 or self._epoch == last else None
            self._hooks.on_epoch(EpochResult(self._epoch, self._metrics, file))
            if self._epoch < last and self._hooks.should_stop():
                if file is None:
                    self._save()
                return self._result(stopped=True)
        return self._result(stopped=False)

    def _train_and_measure(self, last: int) -> dict[str, float]:
        began = time.perf_counter()
        metrics = self._trainer.train_epoch(self._epoch)
        period = self._config.test.eval_period
        if self._epoch == last or (period and self._epoch % period == 0):
            metrics |= self._measure()
        return metrics | {"seconds": time.perf_counter() - began}

    def _measure(self) -> dict[str, float]:
        with self._trainer.measured_weights():
            ranking = measure(
                self._trainer.model, self._data.evaluation, self._config, self._compute, epoch=self._epoch
            )
        metrics = retrieval_metrics(ranking)
        if self._chooses and (self._best is None or metrics["mAP"] > self._best[1]):
            self._best = (self._epoch, metrics["mAP"])
        return metrics

    def _save(self) -> CheckpointFile:
        """Save this epoch; keep the two newest, the best, and the one this run started from.

        The last is what the caller knows for sure: a crash may lose the news of all that came after it.
        """
        state = self._trainer.checkpoint(self._epoch, self._metrics, self._best)
        self._saved = checkpoints.save(state, path_of(self._directory, self._epoch))
        prune(self._directory, keep={self._started_at} | ({self._best[0]} if self._best else set()))
        return self._saved

    def _result(self, *, stopped: bool) -> TrainResult:
        return TrainResult(self._epoch, self._metrics, self._saved, stopped)


def _trainer(config: Config, data: SplitData, compute: Compute, *, seed: int, pretrained: bool) -> Trainer:
    part = data.train
    ahead = _AHEAD_ON_GPU if compute.device.type == "cuda" else 0
    transform = train_transform(config, seed)
    batches = TrainBatches(part.images, part.labels, part.camids, data.sampler, transform, seed=seed, prefetch=ahead)
    files = [record.path for record in part.records]
    return Trainer(config, batches, data.num_classes, compute, seed=seed, files=files, pretrained=pretrained)
