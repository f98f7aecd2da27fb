"""Resuming with options: refused when they describe another study than the recorded one."""

from __future__ import annotations

from orchestrator.service.create import draft
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest
from reid_core.errors import Conflict
from search_spaces.describe import diff

__all__ = ["check_same"]


def check_same(service: Service, study: str, request: StudyRequest) -> None:
    """Raise Conflict, with every difference, unless `request` would make the study recorded under `study`."""
    created = service.state(study).created
    if created is None:
        return
    made = draft(request)
    changes = list(diff(created.space, made.space))
    changes += [
        f"{key}: recorded {created.base.get(key)!r}, now {made.base.get(key)!r}"
        for key in sorted(created.base.keys() | made.base.keys())
        if created.base.get(key) != made.base.get(key)
    ]
    for what, before, now in (
        ("trials", created.plan.trials, made.plan.trials),
        ("seed", created.seed, request.seed),
        ("protocol", created.protocol, request.protocol),
        ("algorithm", created.algorithm, made.algorithm),
        ("data fingerprint", created.data_fingerprint, made.data.fingerprint),
    ):
        if before != now:
            changes.append(f"{what}: recorded {before}, now {now}")
    if changes:
        raise Conflict(
            f"study {created.name} was made from something else:\n  " + "\n  ".join(changes),
            hint=f"continue it as it is: `reid-tune run --resume {created.name}`; or start a new one without --resume",
        )
