"""The ReID trial: one segment through reid_core.api.train, on the validation split that a search may see.

A study that chooses nothing (a grid with the protocol `test`) trains on all identities and measures the test split.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

from orchestrator.trial.files import disk_fails, disk_is_full
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import (
    CheckpointRef,
    Completed,
    Failed,
    Infeasible,
    Outcome,
    Paused,
    Resources,
    SegmentContext,
    SegmentSpec,
)
from reid_core import api
from reid_core.config import Config, Values, from_values
from reid_core.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    ProcessLost,
    ReidTuneError,
    ServerUnreachable,
    TrainingDiverged,
)
from reid_core.ranks import Elsewhere

__all__ = ["ReidTrial"]

EVERY_EPOCH: Values = {"TEST.EVAL_PERIOD": 1, "SOLVER.CHECKPOINT_PERIOD": 1}
"""A search compares trials at rungs and may pause or lose them after any epoch."""
AT_THE_END: Values = {"TEST.EVAL_PERIOD": 0, "SOLVER.CHECKPOINT_PERIOD": 1}
"""The test split is measured once: after the last epoch of the segment."""

DEVICE_FAULTS = (
    "ecc error",
    "unspecified launch failure",
    "illegal instruction",
    "hardware stack error",
    "busy or unavailable",
    "no cuda-capable device",
    "cuda driver",
    "nvlink",
    "unknown error",
    "device has fallen off",
    "cuda error: system",
    "unhandled system error",
)
"""What CUDA and NCCL say of a broken GPU or driver, in lower case. An assertion on the device is the trial's own: an
index out of range."""

_FULL = "the disk of this node is full"


class ReidTrial:
    """Trains the configuration of the segment; knows nothing of studies."""

    _elsewhere: Elsewhere | None = None

    def warm(self) -> None:
        """Import what the first segment needs, before it comes."""
        import torch  # noqa: F401, PLC0415 - the point is the import

        import reid_core.engine  # noqa: F401, PLC0415 - as above

    def spread(self, elsewhere: Elsewhere) -> None:
        """Train on these machines too from now on."""
        self._elsewhere = elsewhere

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        """Train from `spec.from_epoch` to `spec.to_epoch`, reporting every epoch once its checkpoint is durable."""
        try:
            return self._train(spec, context)
        except ConfigError as error:
            return Infeasible(str(error))
        except DataError as error:
            return _spoiled(error, retryable=False)
        except TrainingDiverged as error:
            return Failed(FailureKind.DIVERGED, str(error), retryable=False)
        except (CheckpointError, ServerUnreachable) as error:
            return _spoiled(error, retryable=True)
        except ProcessLost as error:
            return Failed(FailureKind.LOST, str(error), retryable=True)
        except ReidTuneError as error:
            failed = _of_disk(error)
            if failed is None:
                raise
            return failed
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise  # memory running out is told alike for all trials, as are the RuntimeErrors of torch
            return _spoiled(error, retryable=True)
        except RuntimeError as error:
            if not any(words in str(error).lower() for words in DEVICE_FAULTS):
                raise
            return Failed(FailureKind.NODE, f"the GPU failed: {str(error).splitlines()[0]}", retryable=True)

    def _train(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        periods = AT_THE_END if spec.protocol is api.Protocol.TEST else EVERY_EPOCH
        config = _in_parts({**spec.config, **periods}, spec.micro_batches)
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
            processes=_processes(spec.resources),
            elsewhere=self._elsewhere,
            on_epoch=on_epoch,
            should_stop=context.should_stop,
            should_leave=context.should_leave,
            log=context.log,
            alive=context.should_stop,
        )
        if result.stopped or result.checkpoint is None:
            return Paused(None if result.checkpoint is None else _ref(result.checkpoint))
        return Completed(_ref(result.checkpoint))


def _processes(resources: Resources) -> int:
    """One for each GPU, and one at least on each node."""
    return max(resources.nodes, int(resources.gpus))


def _spoiled(error: ReidTuneError | OSError, *, retryable: bool) -> Failed:
    """The fault of a file: of the node when its disk is full, else of the data or the store that they come from."""
    if disk_is_full(error):
        return Failed(FailureKind.NODE, f"{_FULL}: {error}", retryable=True)
    return Failed(FailureKind.DATA, str(error), retryable=retryable)


def _of_disk(error: ReidTuneError) -> Failed | None:
    """The node's fault: its disk, where decoded images are kept, is full, broken or read-only; None for others."""
    if disk_is_full(error) or disk_fails(error):
        what = _FULL if disk_is_full(error) else "a disk of this node fails"
        return Failed(FailureKind.NODE, f"{what}: {error}", retryable=True)
    return None


def _in_parts(values: Values, times: int) -> Config:
    """The configuration, each batch computed in `times` as many parts. ConfigError: its batches cannot be parted so."""
    if times == 1:
        return from_values(values)
    config = from_values(values)
    try:
        return from_values({**values, "SOLVER.ACCUMULATE": config.solver.accumulate * times})
    except ConfigError as error:
        message = f"memory ran out, and a smaller micro-batch is not possible: {error.findings[0].message}"
        raise ConfigError(replace(error.findings[0], message=message)) from error


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
