"""The ReID trial: one segment through reid_core.api.train, on the validation split that a search may see.

A study that chooses nothing (a grid with the protocol `test`) trains on all identities and measures the test split.
"""

from __future__ import annotations

import errno
from pathlib import Path

from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import (
    CheckpointRef,
    Completed,
    Failed,
    Infeasible,
    Outcome,
    Paused,
    SegmentContext,
    SegmentSpec,
)
from reid_core import api
from reid_core.config import Values, from_values
from reid_core.errors import CheckpointError, ConfigError, DataError, TrainingDiverged

__all__ = ["ReidTrial"]

EVERY_EPOCH: Values = {"TEST.EVAL_PERIOD": 1, "SOLVER.CHECKPOINT_PERIOD": 1}
"""A search compares trials at rungs and may pause or lose them after any epoch."""
AT_THE_END: Values = {"TEST.EVAL_PERIOD": 0, "SOLVER.CHECKPOINT_PERIOD": 1}
"""The test split is measured once: after the last epoch of the segment."""


class ReidTrial:
    """Trains the configuration of the segment; knows nothing of studies."""

    def warm(self) -> None:
        """Import what the first segment needs, before it comes."""
        import torch  # noqa: F401, PLC0415 - the point is the import

        import reid_core.engine  # noqa: F401, PLC0415 - as above

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        """Train from `spec.from_epoch` to `spec.to_epoch`, reporting every epoch once its checkpoint is durable."""
        try:
            return self._train(spec, context)
        except ConfigError as error:
            return Infeasible(str(error))
        except DataError as error:
            return Failed(FailureKind.DATA, str(error), retryable=False)
        except TrainingDiverged as error:
            return Failed(FailureKind.DIVERGED, str(error), retryable=False)
        except CheckpointError as error:
            return Failed(FailureKind.DATA, str(error), retryable=True)
        except MemoryError as error:
            return Failed(FailureKind.OUT_OF_MEMORY, f"not enough memory: {error}", retryable=False)
        except OSError as error:
            full = "the disk is full: " if error.errno == errno.ENOSPC else ""
            return Failed(FailureKind.DATA, f"{full}{error}", retryable=True)
        except RuntimeError as error:
            if "out of memory" in str(error).lower():  # torch.OutOfMemoryError is a RuntimeError
                return Failed(FailureKind.OUT_OF_MEMORY, str(error).splitlines()[0], retryable=False)
            raise

    def _train(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        periods = AT_THE_END if spec.protocol is api.Protocol.TEST else EVERY_EPOCH
        config = from_values({**spec.config, **periods})
        costs = _costs(spec, context)

        def on_epoch(result: api.EpochResult) -> None:
            if result.checkpoint is not None:
                context.save(_ref(result.checkpoint))
            context.report(result.epoch, {**result.metrics, **costs})

        start, kind = spec.checkpoint, api.Fork if spec.forked else api.CheckpointFile
        result = api.train(
            config,
            directory=Path(spec.directory),
            protocol=spec.protocol,
            to_epoch=spec.to_epoch,
            checkpoint=None if start is None else kind(Path(start.path), start.epoch, start.sha256),
            keep=spec.keep,
            seed=spec.seed,
            threads=spec.resources.cpus,
            on_epoch=on_epoch,
            should_stop=context.should_stop,
            log=context.log,
        )
        if result.stopped or result.checkpoint is None:
            return Paused(None if result.checkpoint is None else _ref(result.checkpoint))
        return Completed(_ref(result.checkpoint))


def _costs(spec: SegmentSpec, context: SegmentContext) -> dict[str, float]:
    """The wanted costs of the model: as the trial reported them, or else measured now, before it trains."""
    if all(name in spec.measured for name in spec.costs):
        return {name: spec.measured[name] for name in spec.costs}
    cost = api.measure_cost(from_values(spec.config), threads=spec.resources.cpus)
    context.log(
        f"{cost.parameters:,} parameters, {cost.flops:,} multiply-adds and {cost.latency_ms:.2f} ms an image"
        f" on {cost.device}"
    )
    known = {"parameters": float(cost.parameters), "flops": float(cost.flops), "latency_ms": cost.latency_ms}
    return {name: known[name] for name in spec.costs}


def _ref(file: api.CheckpointFile) -> CheckpointRef:
    return CheckpointRef(str(file.path), file.epoch, file.sha256)
