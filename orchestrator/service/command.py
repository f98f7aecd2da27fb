"""The shell command that makes a study."""

from __future__ import annotations

import json
import shlex

from orchestrator.events import Keep
from orchestrator.service.views import StudyRequest
from reid_core.api import Protocol
from reid_core.config import Value

__all__ = ["command_of"]


def command_of(request: StudyRequest) -> str:
    """The shell command equal to a request; options at their default are left out."""
    inline_text = "\n" in request.space
    words = ["reid-tune", "run", "--space", "space.yaml" if inline_text else request.space]
    for option, value, default in (
        ("--data", request.data, ""),
        ("--trials", request.trials, None),
        ("--max-epochs", request.max_epochs, None),
        ("--min-epochs", request.min_epochs, None),
        ("--algorithm", request.algorithm, None),
        ("--schedule", request.schedule, None),
        ("--workers", request.workers, None),
        ("--seed", request.seed, 0),
        ("--seeds", request.seeds, None),
        ("--epochs", request.epochs, None),
        ("--gpu-hours", request.gpu_hours, None),
        ("--wall-time", request.wall_time, ""),
        ("--target", request.target, ""),
        ("--confirm", request.confirm, None),
        ("--protocol", request.protocol, Protocol.VALIDATION),
        ("--name", request.name, ""),
        ("--backend", request.backend, "ray"),
        ("--ray-address", request.ray_address, ""),
        ("--runtime-env", request.runtime_env, ""),
        ("--max-slots", request.max_slots, None),
        ("--priority", request.priority, None),
        ("--weight", request.weight, None),
        ("--checkpoints", request.checkpoints, ""),
        ("--keep-checkpoints", request.keep_checkpoints, Keep.BEST),
    ):
        if value != default:
            words += [option, str(value)]
    for source in request.teacher:
        words += ["--teacher", source]
    for study in request.warm_start:
        words += ["--warm-start", study]
    if request.enqueue:
        words += ["--enqueue", json.dumps(list(request.enqueue))]
    for key, setting in request.set.items():
        words += ["--set", key, _word(setting)]
    return shlex.join(words)


def _word(value: Value) -> str:
    if isinstance(value, list):
        return "[" + ",".join(_word(one) for one in value) + "]"
    return str(value).lower() if isinstance(value, bool) else ("null" if value is None else str(value))
