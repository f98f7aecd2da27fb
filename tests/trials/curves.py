"""A trial whose learning curve is a formula: deterministic, checkpointed to real files, resumable."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import CheckpointRef, Completed, Failed, Outcome, Paused, SegmentContext, SegmentSpec


class CurveTrial:
    """mAP after epoch e: (1 - exp(-e / 10)) / (1 + (log10 lr + 3)^2), plus what the checkpoint carries along.

    TEST.DELAY seconds an epoch; TEST.DIVERGE_ABOVE, TEST.CRASH_ALWAYS, TEST.KILL_ONCE (a file) make it fail.
    TEST.HANG (a file, where it writes its process and that of its child) makes it sleep for ever, once. TEST.CHILD
    starts a process that it leaves alone; TEST.PRINT is printed.
    """

    def run(self, spec: SegmentSpec, context: SegmentContext) -> Outcome:
        config = spec.config
        lr = float(str(config.get("lr", 1e-3)))
        momentum = _load(spec.checkpoint) if spec.checkpoint is not None else 0.0
        start = spec.checkpoint.epoch if spec.checkpoint is not None else 0
        if config.get("TEST.CRASH_ALWAYS"):
            raise ZeroDivisionError("made to crash")
        if config.get("TEST.PRINT"):
            print(config["TEST.PRINT"])
        if config.get("TEST.CHILD"):
            _child()
        if config.get("TEST.HANG") and not Path(str(config["TEST.HANG"])).exists():
            _hang(Path(str(config["TEST.HANG"])))
        newest = spec.checkpoint
        for epoch in range(start + 1, spec.to_epoch + 1):
            if _leaves(context, float(str(config.get("TEST.DELAY", 0)))):
                return Paused(newest)
            _maybe_die(str(config.get("TEST.KILL_ONCE", "")), epoch)
            if lr > float(str(config.get("TEST.DIVERGE_ABOVE", math.inf))):
                return Failed(FailureKind.DIVERGED, f"loss is NaN at epoch {epoch}", retryable=False)
            momentum = 0.9 * momentum + 0.001 * epoch
            value = (1 - math.exp(-epoch / 10)) / (1 + (math.log10(lr) + 3) ** 2) + 1e-3 * momentum
            newest = _save(Path(spec.directory), epoch, momentum)
            context.save(newest)
            context.report(epoch, {"mAP": value, "mINP": value / 2, "rank1": value, "loss": 1 - value, "seconds": 0.01})
            if context.should_stop():
                return Paused(newest)
        assert newest is not None
        return Completed(newest)


def _leaves(context: SegmentContext, seconds: float) -> bool:
    """Whether it was asked to leave within these seconds of an epoch, whose middle is nothing worth saving."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if context.should_leave():
            return True
        context.should_stop()  # a sign of life
        time.sleep(min(left, 0.05))
    return False


def _save(directory: Path, epoch: int, momentum: float) -> CheckpointRef:
    path = directory / f"epoch-{epoch}.json"
    text = json.dumps({"epoch": epoch, "momentum": momentum})
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.rename(path)
    return CheckpointRef(str(path), epoch, hashlib.sha256(text.encode()).hexdigest())


def _load(checkpoint: CheckpointRef) -> float:
    state = json.loads(Path(checkpoint.path).read_text())
    assert state["epoch"] == checkpoint.epoch
    return float(state["momentum"])


def _maybe_die(marker: str, epoch: int) -> None:
    """Kill this process at epoch 2, once: the first to make the marker file dies."""
    if not marker or epoch != 2:
        return
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def _child() -> subprocess.Popen[bytes]:
    """A process that sleeps for ever and is deaf to SIGTERM."""
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(1e6)"
    child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def _hang(family: Path) -> None:
    child = _child()
    temporary = family.with_suffix(".tmp")
    temporary.write_text(f"{os.getpid()} {child.pid}")
    temporary.rename(family)
    time.sleep(1e6)
